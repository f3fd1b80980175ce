import type { Context, RootHookObject } from 'mocha';
import { openEditors } from './editor.js';

/** What every journey gets without asking: a picture when it fails, and no editor left behind. */
export const hooks: RootHookObject = {
  async afterEach(this: Context) {
    const test = this.currentTest;
    if (test?.state !== 'failed') return;
    for (const [at, editor] of [...openEditors].entries()) {
      const path = await editor.screenshot(`${test.fullTitle()}${at === 0 ? '' : `-${at + 1}`}`);
      console.log(`      picture: ${path}`);
    }
  },

  async afterAll() {
    for (const editor of openEditors) await editor.close();
  },
};
