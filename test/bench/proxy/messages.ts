/** A JSON-RPC request, as far as the bench's server looks at it. */
export interface Message {
  readonly id?: number | string;
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Is answered by a stream, of which the first event comes at once. */
export const firstOfStream = 'bench/stream';

/** Is answered by as many bytes as its parameter `bytes` says. */
export const bigStream = 'bench/flood';

export const initialize: Message = {
  id: 'first',
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  },
};
