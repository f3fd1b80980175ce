import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/**
 * Who may import whom: a folder of `src` sees itself, all that is inside of it, and the folders in its row, never
 * sideways, never up.
 * `src/extension.ts`, the composition root, is in no row and sees everything.
 * @type {Record<string, readonly string[]>}
 */
export const sees = {
  core: [],
  oauth: ['core'],
  google: ['core'],
  vault: ['core'],
  loopback: ['core'],
  node: ['core'],
  import: ['core', 'node'],
  storage: ['core', 'node', 'vault'],
  broker: ['core', 'oauth', 'vault'],
  vscode: ['core', 'broker', 'loopback'],
};

/** The folders that decide: they know neither the editor nor the operating system. */
export const deciding = ['core', 'oauth', 'vault', 'broker'];

/** @param up - how a file gets to `src`, which tells the level that it is on */
function layer(folder, up) {
  const decides = deciding.includes(folder);
  const paths = [{ name: 'vscode', allowTypeImports: !decides, message: 'Take the editor as an argument.' }];
  const patterns = [
    {
      group: [`${up}/**/*.js`, ...sees[folder].map((name) => `!${up}/${name}/**`)],
      message: `src/${folder} sees only: ${sees[folder].join(', ') || 'itself'}.`,
    },
  ];
  if (decides) patterns.push({ regex: '^node:', message: 'Ask for a port instead.' });
  return {
    files: [up === '..' ? `src/${folder}/*` : `src/${folder}/*/*`],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths, patterns }] },
  };
}

export default defineConfig(
  globalIgnores(['dist/', 'node_modules/', '.vscode-test/']),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['src/**', 'test/**'],
    rules: { 'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true } }] },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  ...Object.keys(sees).flatMap((folder) => [layer(folder, '..'), layer(folder, '../..')]),
  prettier,
);
