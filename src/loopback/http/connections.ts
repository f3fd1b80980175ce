import type { Socket } from 'node:net';

/** So that those who are welcome find a place: of the others' connections the oldest ends when there are more. */
const strangerLimit = 256;

/** Twice the calls that a server may have at a time: those that are told that there are too many have one as well. */
const ownLimit = 1_024;

/** The connections of a listener: those of strangers, and those of whoever is welcome, so many for each. */
export class Connections {
  readonly #strangers = new Set<Socket>();
  readonly #own = new Map<string, Set<Socket>>();
  readonly #owners = new WeakMap<Socket, string>();

  /** Takes in what has just been opened, by a stranger as far as anybody knows. */
  take(socket: Socket): void {
    this.#strangers.add(socket);
    socket.once('close', () => this.#closed(socket));
    const [oldest] = this.#strangers;
    if (this.#strangers.size > strangerLimit) oldest?.destroy();
  }

  /**
   * Counts `socket` among those of `whose`, unless it is another's already: a client may use one for several.
   * @returns false when there are too many, and it has been closed
   */
  welcome(socket: Socket, whose: string): boolean {
    this.#strangers.delete(socket);
    if (this.#owners.has(socket)) return true;
    const own = this.#own.get(whose) ?? new Set();
    if (own.size >= ownLimit) {
      socket.destroy();
      return false;
    }
    this.#own.set(whose, own.add(socket));
    this.#owners.set(socket, whose);
    return true;
  }

  #closed(socket: Socket): void {
    this.#strangers.delete(socket);
    const whose = this.#owners.get(socket);
    const own = whose === undefined ? undefined : this.#own.get(whose);
    own?.delete(socket);
    if (whose !== undefined && own?.size === 0) this.#own.delete(whose);
  }
}
