import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrokerWindow } from './support/broker-window.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Setting {
  readonly type?: string;
  readonly scope?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly markdownDescription?: string;
}

interface Manifest {
  readonly name: string;
  readonly main: string;
  readonly icon: string;
  readonly activationEvents: readonly string[];
  readonly engines: { readonly vscode: string };
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly capabilities: {
    readonly untrustedWorkspaces: {
      readonly supported: unknown;
      readonly description: string;
      readonly restrictedConfigurations: readonly string[];
    };
  };
  readonly contributes: {
    readonly commands: readonly {
      readonly command: string;
      readonly title: string;
      readonly category: string;
    }[];
    readonly mcpServerDefinitionProviders: readonly { readonly id: string }[];
    readonly walkthroughs: readonly {
      readonly id: string;
      readonly steps: readonly {
        readonly description: string;
        readonly media: { readonly markdown: string };
        readonly completionEvents: readonly string[];
      }[];
    }[];
    readonly configuration: { readonly properties: Readonly<Record<string, Setting>> };
  };
}

const text = read('package.json');
const manifest = JSON.parse(text) as Manifest;
const strings = JSON.parse(read('package.nls.json')) as Record<string, string>;
const { commands, configuration, mcpServerDefinitionProviders } = manifest.contributes;
const sources = globSync('src/**/*.ts', { cwd: root }).map((path) => ({ path, code: read(path) }));
const allCode = sources.map(({ code }) => code).join('\n');

/** Every id of ours that stands in the code as a text. */
const idsInCode = new Set(
  [...allCode.matchAll(/['"`](mcpCredentials\.[\w.]+)['"`]/g)].map(([, id = '']) => id),
);

describe('the manifest and its strings', () => {
  const asked = [...text.matchAll(/"%([^"%]+)%"/g)].map(([, key = '']) => key);

  it('have every string that is asked for, and none left over', () => {
    assert.deepEqual([...new Set(asked)].sort(), Object.keys(strings).sort());
    for (const [key, value] of Object.entries(strings)) assert.notEqual(value.trim(), '', key);
  });

  it('keep the words for users in package.nls.json', () => {
    const worded = [
      ...text.matchAll(/"(title|category|displayName|description|markdownDescription|label)": "([^"]*)"/g),
    ];
    assert.ok(worded.length > 10);
    for (const [line = '', , value = ''] of worded) assert.match(value, /^%.+%$/, line);
  });

  it('describe every setting under its own id', () => {
    for (const [id, { markdownDescription }] of Object.entries(configuration.properties)) {
      assert.equal(markdownDescription, `%${id}%`);
    }
  });
});

describe('the manifest and the commands', () => {
  it('name the same ones', async () => {
    const window = new BrokerWindow();
    const registered = [...window.editor.commands].sort();
    await window.close();
    assert.deepEqual(registered, commands.map(({ command }) => command).sort());
  });

  it('give them a category, and a title that starts with a verb and is not the product’s name', () => {
    for (const { command, title, category } of commands) {
      assert.match(command, /^mcpCredentials\.[a-z]\w*$/);
      assert.equal(category, '%commands.category%');
      const words = strings[title.replaceAll('%', '')] ?? '';
      assert.match(words, /^[A-Z]\w*( [A-Z]\w*)*…?$/, command);
      assert.doesNotMatch(words, /MCP|Broker/);
    }
  });

  it('let no text send anybody to a command that does not exist', () => {
    const titles = commands.map(({ title }) => (strings[title.replaceAll('%', '')] ?? '').replace(/…$/, ''));
    const named = [...allCode.matchAll(/“MCP Credentials: ([^”]+)”/g)].map(([, title = '']) => title);
    assert.ok(named.length > 3);
    for (const title of named) assert.ok(titles.includes(title.replace(/…$/, '')), title);
  });
});

const [walkthrough] = manifest.contributes.walkthroughs;
const steps = walkthrough?.steps ?? [];
const contextKeys = steps.flatMap(({ completionEvents }) =>
  completionEvents.flatMap((event) => /^onContext:(.+)$/.exec(event)?.[1] ?? []),
);

describe('the manifest and the walkthrough', () => {
  it('have one button in each step, for a command that exists or the page that completes it', () => {
    assert.equal(steps.length, 4);
    for (const { description, completionEvents } of steps) {
      const words = strings[description.replaceAll('%', '')] ?? '';
      const buttons = [...words.matchAll(/^\[[^\]]+\]\(([^)]+)\)$/gm)].map(([, target = '']) => target);
      assert.equal(buttons.length, 1, words);
      const [target = ''] = buttons;
      const isCommand = commands.some(({ command }) => target === `command:${command}`);
      assert.ok(isCommand || completionEvents.includes(`onLink:${target}`), target);
    }
  });

  it('complete each step by a fact that the code tells, or by the link itself', () => {
    for (const key of contextKeys) assert.ok(idsInCode.has(key), `Nobody sets ${key}.`);
    for (const { completionEvents } of steps) assert.equal(completionEvents.length, 1);
    assert.ok(allCode.includes(`#${walkthrough?.id ?? ''}`), 'The menu opens it.');
  });

  it('have a text for each step, with pictures that are there', () => {
    assert.match(read('.vscodeignore'), /^!media\/walkthrough\/\*$/m, 'The texts ship.');
    for (const { media } of steps) {
      const pictures = [...read(media.markdown).matchAll(/!\[([^\]]+)\]\(([^)]+)\)/g)];
      assert.ok(pictures.length > 0, media.markdown);
      for (const [, words = '', path = ''] of pictures) {
        assert.notEqual(words, '');
        assert.ok(existsSync(join(root, 'media/walkthrough', path)), path);
      }
    }
  });
});

describe('the manifest and the settings', () => {
  it('declare every setting that the code reads, and the code reads every one that is declared', () => {
    const declared = Object.keys(configuration.properties);
    const relative = [...allCode.matchAll(/settings\s*\.(?:number|text|flag)\('([\w.]+)'\)/g)].map(
      ([, path = '']) => `mcpCredentials.${path}`,
    );
    const known = [
      ...declared,
      ...commands.map(({ command }) => command),
      ...mcpServerDefinitionProviders.map(({ id }) => id),
    ];
    known.push(...contextKeys);
    const statusBarItem = 'mcpCredentials.status';
    for (const id of idsInCode)
      assert.ok(known.includes(id) || id === statusBarItem, `${id} is not declared.`);
    for (const id of declared) assert.ok(idsInCode.has(id) || relative.includes(id), `Nobody reads ${id}.`);
  });

  it('are complete: a default, a scope, and bounds for every number', () => {
    for (const [id, setting] of Object.entries(configuration.properties)) {
      assert.notEqual(setting.default, undefined, id);
      assert.ok(['application', 'machine', 'window', 'resource'].includes(setting.scope ?? ''), id);
      if (!['integer', 'number'].includes(setting.type ?? '')) continue;
      assert.equal(typeof setting.minimum, 'number', id);
      assert.equal(typeof setting.maximum, 'number', id);
    }
  });

  it('are restricted in untrusted workspaces where they say where to connect', () => {
    const { supported, description, restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
    assert.equal(supported, 'limited');
    assert.match(strings[description.replaceAll('%', '')] ?? '', /Restricted Mode/);
    const settable = Object.entries(configuration.properties).filter(([, { scope }]) => scope === 'window');
    assert.deepEqual(
      settable.map(([id]) => id),
      restrictedConfigurations,
    );
  });
});

describe('the README', () => {
  const readme = read('README.md');
  /** The first cells of the table below `heading`, without their emphasis. */
  const rowsBelow = (heading: string): readonly string[] => {
    const [, after = ''] = readme.split(`\n## ${heading}\n`);
    const [lines = ''] = (/^\|.*(?:\n\|.*)*/m.exec(after) ?? []) as readonly string[];
    return lines
      .split('\n')
      .slice(2)
      .map((line) => (line.split('|')[1] ?? '').trim().replace(/^[`*]+|[`*]+$/g, ''));
  };

  it('has every setting in its table, with the default that it has', () => {
    const { properties } = configuration;
    assert.deepEqual(rowsBelow('Settings').toSorted(), Object.keys(properties).sort());
    for (const [id, setting] of Object.entries(properties)) {
      const [, written = ''] =
        new RegExp(`^\\| \`${id.replaceAll('.', '\\.')}\` *\\| ([^|]*?) *\\|`, 'm').exec(readme) ?? [];
      const text = typeof setting.default === 'string' ? setting.default : JSON.stringify(setting.default);
      assert.equal(written, text === '' ? '' : `\`${text}\``, id);
    }
  });

  it('has every command in its table', () => {
    const titles = commands.map(({ title }) => strings[title.replaceAll('%', '')] ?? '');
    assert.deepEqual(rowsBelow('Commands'), titles);
  });

  it('has every script in its table, but the parts of another', () => {
    const scripts = Object.keys(manifest.scripts).filter((name) => !name.startsWith('check:'));
    const npm = (name: string) => (['start', 'test'].includes(name) ? `npm ${name}` : `npm run ${name}`);
    assert.deepEqual(rowsBelow('Contributing').toSorted(), scripts.map(npm).sort());
  });

  it('has every folder of the source and the tests in its list', () => {
    const [list = ''] = /^src\/$[^]*?^```/m.exec(readme) ?? [];
    const folders = globSync('{src,test}/*/', { cwd: root }).map((path) => path.replace(/^\w+\/|\/$/g, ''));
    for (const folder of folders) assert.match(list, new RegExp(`\\b${folder}/`), folder);
  });
});

describe('the package', () => {
  it('contains what the manifest and the code point at', () => {
    assert.equal(manifest.main, './dist/extension.cjs');
    const shipped = read('.vscodeignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    assert.match(read('.vscodeignore'), /^\*\*\n/, 'Nothing ships that is not named.');
    for (const path of [
      manifest.icon,
      'media/sign-in-ended.html',
      'package.nls.json',
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
    ]) {
      assert.ok(existsSync(join(root, path)), path);
      const isNamed = shipped.some(
        (line) => line === path || (line.endsWith('*') && path.startsWith(line.replace(/\*+$/, ''))),
      );
      assert.ok(isNamed, `${path} does not ship.`);
    }
    for (const bundle of ['extension', 'google']) assert.ok(shipped.includes(`dist/${bundle}.cjs`), bundle);
    for (const path of shipped.filter((line) => !/[*]|^dist\//.test(line)))
      assert.ok(existsSync(join(root, path)), path);
  });

  it('is compiled against the oldest editor that it claims to run in', () => {
    assert.equal(manifest.engines.vscode, `^${manifest.devDependencies['@types/vscode'] ?? ''}`);
  });

  it('brings its dependencies in the bundle, and none to install', () => {
    assert.deepEqual(Object.keys(manifest.dependencies ?? {}), []);
  });

  it('starts after the editor has, and with any server of ours', () => {
    // `onMcpCollection:…` is added by the editor for each provider, `onCommand:…` for each command.
    assert.deepEqual(manifest.activationEvents, ['onStartupFinished']);
  });
});

describe('run-time strings', () => {
  it('are translated from texts that can be extracted: literals, with arguments beside them', () => {
    for (const { path, code } of sources) {
      for (const [call, argument = ''] of code.matchAll(/l10n\.t\(\s*([^\s])/g)) {
        assert.ok(["'", '"'].includes(argument), `${path}: ${call}`);
      }
      assert.doesNotMatch(code, /l10n\.t\(\s*('[^']*'|"[^"]*")\s*\+/, `${path} puts a text together.`);
    }
  });

  it('have an argument for every placeholder, and the other way round', () => {
    for (const { path, code } of sources) {
      for (const [, text = '', rest = ''] of code.matchAll(/l10n\.t\(\s*'((?:[^'\\]|\\.)*)'\s*([,)])/g)) {
        const places = [...text.matchAll(/\{(\d)\}/g)].map(([, index]) => Number(index));
        const wanted = places.length === 0 ? 0 : Math.max(...places) + 1;
        assert.equal(new Set(places).size, wanted, `${path}: ${text} skips a number.`);
        if (rest === ')') assert.equal(wanted, 0, `${path}: ${text} has no arguments.`);
      }
    }
  });

  it('stay out of the layers that decide', () => {
    for (const { path, code } of sources) {
      if (/^src\/(vscode\/|window|extension)/.test(path)) continue;
      assert.doesNotMatch(code, /l10n/, path);
    }
  });
});
