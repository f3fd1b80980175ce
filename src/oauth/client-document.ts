import type { Client } from '../core/client.js';
import type { AuthorizationServer } from './authorization-server.js';

/**
 * The client that `url`, the address of a document about us, makes of us at `server`.
 * @returns undefined without an address, or where such clients are not taken
 * @see draft-ietf-oauth-client-id-metadata-document-00; MCP authorization 2026-07-28, "Client ID Metadata Documents"
 */
export function metadataDocumentClient(server: AuthorizationServer, url: string): Client | undefined {
  if (url === '' || server['client_id_metadata_document_supported'] !== true) return undefined;
  return { issuer: server.issuer, clientId: url, authMethod: 'none', source: 'metadata-document' };
}
