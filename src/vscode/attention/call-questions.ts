import { assertNever } from '../../core/assert-never.js';
import type { Disposable } from '../../core/announcer.js';
import type { Clock } from '../../core/ports.js';
import type { AskAboutCall, CallQuestion } from '../../core/rule.js';
import type { VSCode } from '../editor/api.js';
import { inLine } from '../editor/in-line.js';
import { unlinked } from '../editor/unlinked.js';

/** By then the editor has put a notification that nobody answers behind the bell, and the next one may be shown. */
const patienceMs = 30_000;

/** Longer names are cut: the buttons must stay in sight. */
const nameLimit = 80;

const flashMs = 10_000;

interface Waiting {
  readonly question: CallQuestion;
  readonly signal: AbortSignal;
  readonly answer: (answer: 'allowed' | 'denied') => void;
  readonly fail: (error: unknown) => void;
  /** Until it is its turn at the latest. */
  readonly turn: Disposable;
}

/**
 * Asks the user about calls for which a rule wants it: one notification for each call, and one at a time. But a call
 * waits from the start, and is not to end unasked behind others: nobody waits for a turn for longer than the editor
 * leaves a notification in sight. What a call sends along is not shown: whoever writes it could make it look like words
 * of ours. The chat shows it.
 */
export class CallQuestions {
  readonly #waiting = new Set<Waiting>();
  #inSight = 0;

  constructor(
    private readonly vs: VSCode,
    private readonly clock: Clock,
  ) {}

  /** Closing the notification is a no: what nobody wants to think about is not to happen. */
  readonly ask: AskAboutCall = (question, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const turn = this.clock.after(patienceMs, () => this.#show(waiting));
      const waiting: Waiting = { question, signal, answer: resolve, fail: reject, turn };
      this.#waiting.add(waiting);
      const onAbort = () => {
        this.#endWait(waiting);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#showNext();
    });

  #endWait(waiting: Waiting): void {
    waiting.turn.dispose();
    this.#waiting.delete(waiting);
  }

  #showNext(): void {
    const [next] = this.#waiting;
    if (this.#inSight === 0 && next !== undefined) this.#show(next);
  }

  #show(waiting: Waiting): void {
    const { question, signal, answer, fail } = waiting;
    const { l10n, window } = this.vs;
    const [allow, deny] = [l10n.t('Allow'), l10n.t('Don’t Allow')];
    this.#endWait(waiting);
    this.#inSight += 1;
    let isInSight = true;
    const outOfSight = () => {
      if (!isInSight) return;
      isInSight = false;
      timer.dispose();
      signal.removeEventListener('abort', outOfSight);
      this.#inSight -= 1;
      this.#showNext();
    };
    const timer = this.clock.after(patienceMs, outOfSight);
    signal.addEventListener('abort', outOfSight, { once: true });
    // What the editor cannot show fails its call, and no other.
    const show = async () => window.showWarningMessage(unlinked(textFor(l10n, question)), allow, deny);
    show()
      .then((choice) => {
        outOfSight();
        answer(choice === allow ? 'allowed' : 'denied');
        if (signal.aborted && choice === allow)
          window.setStatusBarMessage(l10n.t('The call had ended before you allowed it.'), flashMs);
      })
      .catch((error: unknown) => {
        outOfSight();
        fail(error);
      });
  }
}

function textFor(l10n: VSCode['l10n'], { server, account, use }: CallQuestion): string {
  const name = quoted(use.name);
  const who = account.label;
  switch (use.capability) {
    case 'tools':
      return l10n.t('Run the tool {0} of the MCP server “{1}” as {2}? Your rules ask.', name, server, who);
    case 'resources':
      return l10n.t(
        'Read the resource {0} of the MCP server “{1}” as {2}? Your rules ask.',
        name,
        server,
        who,
      );
    case 'prompts':
      return l10n.t('Get the prompt {0} of the MCP server “{1}” as {2}? Your rules ask.', name, server, who);
    default:
      return assertNever(use.capability);
  }
}

/** The model or a server has chosen the name. */
function quoted(name: string): string {
  const characters = Array.from(inLine(name));
  const short = characters.length > nameLimit ? [...characters.slice(0, nameLimit - 1), '…'] : characters;
  return JSON.stringify(short.join(''));
}
