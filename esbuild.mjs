import { build, context } from 'esbuild';

/**
 * How the extension is bundled. `test/architecture.test.ts` builds with the same options, so what it
 * asserts about the bundle is true of what ships.
 */
export const bundleOptions = {
  entryPoints: ['src/extension.ts'],
  outfile: 'dist/extension.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  // The Node inside the oldest editor that `engines.vscode` admits.
  target: 'node22',
  external: ['vscode'],
  // The editor puts its proxy and certificate settings behind these two modules, under their bare names only.
  alias: { 'node:http': 'http', 'node:https': 'https' },
  sourcemap: true,
  sourcesContent: false,
  minify: false,
  legalComments: 'eof',
  logLevel: 'warning',
};

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes('--watch')) await (await context(bundleOptions)).watch();
  else await build(bundleOptions);
}
