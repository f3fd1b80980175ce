import type { FoundContent } from '../core/importing.js';
import { parseObject, textOf } from './json-members.js';

/** What gcloud and workload identity federation write, with the members without which none of them works. */
const needed: Readonly<Record<string, readonly string[]>> = {
  authorized_user: ['client_id', 'client_secret', 'refresh_token'],
  service_account: ['client_email', 'private_key'],
  external_account: ['audience', 'subject_token_type', 'token_url'],
  external_account_authorized_user: ['client_id', 'client_secret', 'refresh_token'],
  impersonated_service_account: ['service_account_impersonation_url'],
};

/**
 * Reads an `application_default_credentials.json`, as far as to know whether it is one: it is not copied, but used
 * where it lies.
 * @param path - by which servers have to name it; undefined where it is what they use who name none
 */
export function parseDefaultCredentials(text: string, path?: string): FoundContent {
  const file = parseObject(text);
  if (file === undefined) return { kind: 'unusable', why: 'not-json' };
  const type = textOf(file['type']);
  const members = type !== undefined && Object.hasOwn(needed, type) ? needed[type] : undefined;
  if (type === undefined || members === undefined || !members.every((name) => textOf(file[name])))
    return { kind: 'unusable', why: 'incomplete' };
  return { kind: 'default-credentials', type, ...(path !== undefined && { path }) };
}
