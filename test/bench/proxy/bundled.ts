import { fileURLToPath } from 'node:url';
import { build, type BuildOptions } from 'esbuild';

const root = new URL('../../../', import.meta.url);

/**
 * Bundles a program of this folder as the extension is bundled, so that what is measured is what ships.
 * @returns the path of the bundle, which lies as deep as its source does, for what looks for files beside itself
 */
export async function bundled(program: string): Promise<string> {
  const { bundleOptions } = (await import(new URL('esbuild.mjs', root).href)) as {
    bundleOptions: BuildOptions;
  };
  const outfile = fileURLToPath(new URL(`dist/bench/${program}.mjs`, root));
  const entryPoints = [fileURLToPath(new URL(`${program}.ts`, import.meta.url))];
  await build({ ...bundleOptions, entryPoints, outfile, format: 'esm', packages: 'external' });
  return outfile;
}
