import { isLoopback } from './address.js';

/** The network of this computer, as its operating system tells. Cheap enough to be asked every few seconds. */
export interface Network {
  /** Whether nothing but this computer itself can be reached. When in doubt, false. */
  isDown(): boolean;
  /** The computer's addresses: another text is another network, where what was out of reach may be in reach. */
  addresses(): string;
}

/** Whether `address` cannot be reached because the network is down. */
export const isCutOff = (network: Network, address: string): boolean =>
  URL.canParse(address) && !isLoopback(new URL(address)) && network.isDown();
