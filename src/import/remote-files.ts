import type { FoundContent, UnusableReason } from '../core/importing.js';
import { parseObject, scopesOf, secretOf, textOf } from './json-members.js';

/** The versions of mcp-remote up to 0.1.38 have a folder each, all later ones share one. */
export const isRemoteFolder = (name: string): boolean => /^mcp-remote-(v?\d[\w.-]*)$/.test(name);

/** A file of mcp-remote about one server, which it names by an MD5 of the server's address and its own options. */
export function parseRemoteName(
  fileName: string,
): { readonly hash: string; readonly what: 'tokens' | 'client' } | undefined {
  const [, hash, what] = /^([0-9a-f]{32})_(tokens|client_info)\.json$/.exec(fileName) ?? [];
  if (hash === undefined) return undefined;
  return { hash, what: what === 'tokens' ? 'tokens' : 'client' };
}

/**
 * Reads what mcp-remote keeps about one server.
 * @param serverUrl - the address that its hash stands for; undefined when it is none of the settings
 * @param tokensText - the content of `…_tokens.json`
 * @param clientText - the content of `…_client_info.json`; undefined when there is none
 */
export function parseRemoteFiles(
  serverUrl: string | undefined,
  tokensText: string,
  clientText: string | undefined,
): FoundContent {
  const unusable = (why: UnusableReason): FoundContent => ({ kind: 'unusable', why });
  const file = parseObject(tokensText);
  if (file === undefined) return unusable('not-json');
  const accessToken = secretOf(file['access_token']);
  const refreshToken = secretOf(file['refresh_token']);
  if (accessToken === undefined) return unusable('incomplete');
  if (refreshToken === undefined) return unusable('no-refresh-token');
  if (clientText === undefined) return unusable('no-client');
  const info = parseObject(clientText);
  if (info === undefined) return unusable('not-json');
  const clientId = textOf(info['client_id']);
  if (clientId === undefined) return unusable('no-client');
  if (serverUrl === undefined) return unusable('unknown-server');
  const clientSecret = secretOf(info['client_secret']);
  const issuer = textOf(file['issuer']) ?? textOf(info['issuer']);
  const expiresAtMs = instantOf(file['expires_at']);
  return {
    kind: 'server',
    serverUrl,
    client: { clientId, ...(clientSecret && { clientSecret }) },
    tokens: {
      accessToken,
      refreshToken,
      scopes: scopesOf(file['scope']),
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    },
    ...(issuer !== undefined && { issuer }),
  };
}

/** It writes milliseconds since the epoch, and reads them from a text, too. */
function instantOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 && ms <= 8.64e15 ? ms : undefined;
}
