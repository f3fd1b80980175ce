import { createHash } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import {
  applicationDefaultPath,
  gcloudCredentialsPath,
  namedCredentialsPath,
  type GoogleHome,
} from '../core/default-credentials.js';
import type {
  ForeignCredentials,
  FoundContent,
  FoundCredential,
  ImportOrigin,
  PlaintextFile,
} from '../core/importing.js';
import {
  finishRemovals,
  namesIn,
  readForeign,
  removeForeign,
  type ForeignRead,
} from '../node/foreign-files.js';
import { parseDefaultCredentials } from './default-credentials.js';
import { isRemoteFolder, parseRemoteFiles, parseRemoteName } from './remote-files.js';
import { isWorkspaceFile, parseWorkspaceFile } from './workspace-file.js';

/** Where this computer has things. */
export interface FinderParts extends GoogleHome {
  /** Where Google's tokens are renewed, in all spellings that its files have had. */
  readonly tokenEndpoints: readonly string[];
}

/** Finds what other programs keep in the clear, each in its own places. Reads, and changes nothing. */
export function foreignCredentials(parts: FinderParts): ForeignCredentials {
  return {
    find: async (serverUrls) => {
      const folders = workspaceFolders(parts).map((folder) => inWorkspaceFolder(folder, parts));
      const found = [...folders, defaultCredentials(parts), remote(parts, serverUrls)];
      return (await Promise.all(found)).flat();
    },
    findIn: (folder) => inWorkspaceFolder(folder, parts),
    remove: removeForeign,
  };
}

/** Its variables may be set for the server alone, and not for us; so the usual folder is looked at as well. */
function workspaceFolders({ environment, homeFolder: home }: FinderParts): readonly string[] {
  const named = ['WORKSPACE_MCP_CREDENTIALS_DIR', 'GOOGLE_MCP_CREDENTIALS_DIR'].flatMap(
    (name) => environment[name]?.trim().replace(/^~(?=[/\\]|$)/, home) ?? [],
  );
  const usual = join(home, '.google_workspace_mcp', 'credentials');
  return [...new Set([...named, usual])].filter((folder) => folder !== '');
}

async function inWorkspaceFolder(
  folder: string,
  { tokenEndpoints }: FinderParts,
): Promise<readonly FoundCredential[]> {
  await finishRemovals(folder);
  const names = (await namesIn(folder)).filter(isWorkspaceFile);
  const found = names.map((name) =>
    one('google_workspace_mcp', join(folder, name), name.slice(0, -'.json'.length), (text) =>
      parseWorkspaceFile(text, name, tokenEndpoints),
    ),
  );
  return (await Promise.all(found)).flat();
}

/** What the environment names for everybody comes before what gcloud has, and may be that. */
async function defaultCredentials(parts: FinderParts): Promise<readonly FoundCredential[]> {
  const [named, own] = [namedCredentialsPath(parts), gcloudCredentialsPath(parts)];
  // A path from somewhere would be another one for each program.
  const isThere = named !== undefined && named !== own && isAbsolute(named);
  const found = [
    ...(isThere
      ? [one('GOOGLE_APPLICATION_CREDENTIALS', named, named, (text) => parseDefaultCredentials(text, named))]
      : []),
    one('gcloud', own, own, (text) =>
      parseDefaultCredentials(text, own === applicationDefaultPath(parts) ? undefined : own),
    ),
  ];
  return (await Promise.all(found)).flat();
}

/** The newest of what its versions have about each server; the older ones are plaintext all the same. */
async function remote(
  { environment, homeFolder: home }: FinderParts,
  serverUrls: readonly string[],
): Promise<readonly FoundCredential[]> {
  const named = environment['MCP_REMOTE_CONFIG_DIR'];
  const base = named === undefined || named === '' ? join(home, '.mcp-auth') : named;
  const urls = new Map(serverUrls.flatMap(spellings).map((url) => [md5(url), url]));
  const copies = new Map<string, RemoteCopy[]>();
  for (const folder of (await namesIn(base)).filter(isRemoteFolder)) {
    for (const [hash, copy] of await remoteCopies(join(base, folder)))
      copies.set(hash, [...(copies.get(hash) ?? []), copy]);
  }
  return [...copies].flatMap(([hash, ofServer]) => {
    // One that cannot be read may be the one that counts: nothing older is taken in its place.
    const [newest] = ofServer
      .filter(({ tokens }) => tokens !== undefined)
      .sort((a, b) => modifiedAtMs(b) - modifiedAtMs(a));
    if (newest?.tokens === undefined) return [];
    const { tokens, client } = newest;
    const url = urls.get(hash);
    return {
      origin: 'mcp-remote' as const,
      name: url ?? ('why' in tokens ? tokens.path : tokens.file.path),
      files: ofServer.flatMap(filesOf),
      content: contentOf(url, tokens, client),
    };
  });
}

/** What one version has about one server. */
interface RemoteCopy {
  readonly tokens?: ForeignRead;
  readonly client?: ForeignRead;
}

const modifiedAtMs = ({ tokens }: RemoteCopy): number => tokens?.modifiedAtMs ?? 0;

function contentOf(
  url: string | undefined,
  tokens: ForeignRead,
  client: ForeignRead | undefined,
): FoundContent {
  if ('why' in tokens) return { kind: 'unusable', why: tokens.why };
  if (client !== undefined && 'why' in client) return { kind: 'unusable', why: client.why };
  return parseRemoteFiles(url, tokens.text, client?.text);
}

async function remoteCopies(folder: string): Promise<ReadonlyMap<string, RemoteCopy>> {
  await finishRemovals(folder);
  const copies = new Map<string, RemoteCopy>();
  for (const name of await namesIn(folder)) {
    const parsed = parseRemoteName(name);
    if (parsed === undefined) continue;
    const read = await readForeign(join(folder, name));
    if (read === undefined) continue;
    copies.set(parsed.hash, { ...copies.get(parsed.hash), [parsed.what]: read });
  }
  return copies;
}

const filesOf = ({ tokens, client }: RemoteCopy): readonly PlaintextFile[] =>
  [tokens, client].flatMap((read) => (read === undefined || 'why' in read ? [] : [read.file]));

/** The same server may have been written with and without the slash at its end. */
const spellings = (url: string): readonly string[] =>
  url.endsWith('/') ? [url, url.slice(0, -1)] : [url, `${url}/`];

async function one(
  origin: ImportOrigin,
  path: string,
  name: string,
  parse: (text: string) => FoundContent,
): Promise<readonly FoundCredential[]> {
  const read = await readForeign(path);
  if (read === undefined) return [];
  if ('why' in read) return [{ origin, name, files: [], content: { kind: 'unusable', why: read.why } }];
  return [{ origin, name, files: [read.file], content: parse(read.text) }];
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
