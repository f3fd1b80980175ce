import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { GoogleOptions } from '../support/google/google-server.js';
import { GoogleWorld } from '../support/google/google-world.js';
import { scratchFolder } from '../support/scratch-folder.js';
import type { TestUser } from '../support/test-users.js';
import { type Editor, startEditor } from './editor.js';
import { opened, startedTool, statusItem } from './ground.js';
import type { HostOptions } from './host.js';
import { until } from './until.js';
import type { StatusBarItem } from './workbench-items.js';

/** A user of Google's accounts: Google under its real names, and an editor that finds it through the office's proxy. */
export class GoogleGround {
  #world: GoogleWorld | undefined;
  #editor: Editor | undefined;

  /**
   * @param build - adds servers to the world, and says what the editor is started with
   * @param trust - how the office's certificate authority gets known: to Node alone, or as one of the system's
   */
  async open(
    options: GoogleOptions,
    build: (world: GoogleWorld) => HostOptions = () => ({}),
    trust: 'NODE_EXTRA_CA_CERTS' | 'SSL_CERT_FILE' = 'NODE_EXTRA_CA_CERTS',
  ): Promise<void> {
    const world = await GoogleWorld.start(options);
    this.#world = world;
    const own = build(world);
    const authorityFile = join(scratchFolder(), 'authority.pem');
    await writeFile(authorityFile, world.authority);
    const { names, address, spkiHash } = world;
    this.#editor = await startEditor({
      ...own,
      settings: { 'http.proxy': world.proxyUrl, ...own.settings },
      env: { [trust]: authorityFile, ...own.env },
      browserNames: { names, address, spkiHash },
    });
  }

  get world(): GoogleWorld {
    return opened(this.#world);
  }

  get editor(): Editor {
    return opened(this.#editor);
  }

  get google(): GoogleWorld['google'] {
    return this.world.google;
  }

  /** Goes through Google's pages, once the user has told the editor that it may open them. @returns what the tab says */
  async finishSignIn(visit: GoogleVisit): Promise<string> {
    await this.editor.clickDialog('Open');
    const page = await this.editor.nextPage();
    const said = await signInAtGoogle(page, visit);
    await page.close();
    return said;
  }

  /** Time passes, for Google and in the editor. */
  async advanceClock(byMs: number): Promise<void> {
    // The editor's first: it must not be told of an end that has not come for it.
    await this.editor.advanceClock(byMs);
    this.google.advanceClock(byMs);
  }

  /** The broker's item in the status bar, as soon as it `looks` as expected. */
  async status(looks: (item: StatusBarItem) => boolean = () => true): Promise<StatusBarItem> {
    return until('status bar item that looks as expected', async () => {
      const item = await this.editor.statusBarItem(statusItem);
      return looks(item) && item;
    });
  }

  /** What the status bar item says under the mouse. */
  tooltip(): Promise<string> {
    return this.editor.hoverStatusBarItem(statusItem);
  }

  /** Calls a tool of a server, which is started before if need be. */
  async call(label: string, tool: string): Promise<string> {
    const { editor } = this;
    return editor.invokeTool(await startedTool(editor, label, tool));
  }

  /** Ends whatever has been started, also when opening has failed halfway. */
  async stop(): Promise<void> {
    await this.#editor?.close();
    await this.#world?.close();
  }
}

/** What somebody does on Google's pages. */
interface GoogleVisit {
  readonly user: TestUser;
  /** The boxes from which they take the tick, by their scopes. */
  readonly unticks?: RegExp;
}

/** Goes through Google's pages as a person does. @returns what the tab says at the end */
async function signInAtGoogle(page: Page, { user, unticks }: GoogleVisit): Promise<string> {
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const name = page.getByLabel('User name');
  const another = button('Use another account');
  const allow = button('Continue');
  const end = page.locator('main', { hasText: /You are (not )?signed in|Error \d+/ });
  for (;;) {
    await name.or(another).or(allow).or(end).first().waitFor();
    if (await end.isVisible()) return end.innerText();
    // The next page may be at the same address.
    const loaded = page.waitForEvent('load');
    // Whoever is on the consent page is named there, and can still become somebody else.
    const isConsent = await allow.isVisible();
    const isRight = isConsent && (await page.getByText(user.email).isVisible());
    if (!isRight && (await another.isVisible())) {
      const own = page.getByRole('button', { name: user.email });
      await ((await own.isVisible()) ? own : another).click();
    } else if (await name.isVisible()) {
      await name.fill(user.email);
      await page.getByLabel('Password').fill(user.password);
      await button('Sign in').click();
    } else {
      for (const box of await page.getByRole('checkbox').all()) {
        const scope = (await box.getAttribute('name')) ?? '';
        await box.setChecked(unticks?.test(scope) !== true);
      }
      await allow.click();
    }
    await loaded;
  }
}
