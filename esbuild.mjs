import { build, context } from 'esbuild';

/** What both bundles have in common. */
const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  // The Node inside the oldest editor that `engines.vscode` admits.
  target: 'node22',
  external: ['vscode'],
  // The editor puts its proxy and certificate settings behind these two modules, under their bare names only.
  alias: { 'node:http': 'http', 'node:https': 'https' },
  // The map lies beside a bundle and does not ship, so no bundle that ships names it.
  sourcemap: 'external',
  sourcesContent: false,
  minify: false,
  legalComments: 'eof',
  logLevel: 'warning',
};

/** Google's library, which the extension loads when it is needed for the first time. */
export const googleBundleOptions = {
  ...common,
  entryPoints: ['src/google/library.ts'],
  outfile: 'dist/google.cjs',
};

/** Leaves Google's library to the file beside. */
const googleBeside = {
  name: 'google-beside',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/library\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './google.cjs', external: true } : undefined,
    ),
};

/**
 * How the extension is bundled. `test/architecture.test.ts` builds with the same options, so what it
 * asserts about the bundle is true of what ships.
 */
export const bundleOptions = {
  ...common,
  entryPoints: ['src/extension.ts'],
  outfile: 'dist/extension.cjs',
  plugins: [googleBeside],
  // The editor's own modules are found by `require`, in whatever way a file was loaded.
  supported: { 'dynamic-import': false },
};

if (process.argv[1] === import.meta.filename) {
  for (const options of [bundleOptions, googleBundleOptions]) {
    if (process.argv.includes('--watch')) await (await context({ ...options, sourcemap: 'linked' })).watch();
    else await build(options);
  }
}
