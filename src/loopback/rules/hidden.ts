import type { IncomingHttpHeaders } from 'node:http';
import { Transform } from 'node:stream';
import type { RuleSet } from '../../core/rule.js';
import { parseJson } from '../messages/message.js';
import { asWritten } from '../messages/written-number.js';
import type { Conditions } from './rule-pass.js';
import { decide, hides } from './tool-rule.js';

/** Larger lists, and larger events of a stream, go by as they are: what is hidden cannot be used all the same. */
const lookLimitBytes = 2_097_152;

/** Where a list stands in a result, what it lists, and by what. */
const lists = [
  { member: 'tools', capability: 'tools', name: 'name' },
  { member: 'prompts', capability: 'prompts', name: 'name' },
  { member: 'resources', capability: 'resources', name: 'uri' },
  { member: 'resourceTemplates', capability: 'resources', name: 'uriTemplate' },
] as const;

/** How the end of a line and an empty one begin, whichever of the three ends each of them has (WHATWG HTML §9.2.6). */
const eventEnds = ['\n\n', '\n\r', '\r\r'].map((end) => Buffer.from(end));
const [lineFeed, carriageReturn] = [0x0a, 0x0d];

type Members = Readonly<Record<string, unknown>>;

/**
 * Leaves out of lists what a rule says never to, so that no model tries it. Everything else goes by byte by byte, and
 * each event of a stream as soon as it is whole. What is packed although it was asked not to be goes by as well: what is
 * hidden cannot be used all the same.
 * @param headers - of the answer
 * @returns undefined where there is nothing to leave out
 */
export function hidingFilter(
  { rules, lists: asked }: Pick<Conditions, 'rules' | 'lists'>,
  headers: IncomingHttpHeaders,
): Transform | undefined {
  const { 'content-type': contentType = '', 'content-encoding': encoding = 'identity' } = headers;
  if (encoding.toLowerCase() !== 'identity') return undefined;
  // The answer to any request may come in any stream (MCP, "Resumability and Redelivery").
  if (/^text\/event-stream\b/i.test(contentType)) return hidesAnything(rules) ? ofEvents(rules) : undefined;
  const isList = asked.some((capability) => hides(rules, capability));
  return isList && /^application\/json\b/i.test(contentType) ? ofWhole(rules) : undefined;
}

/** Whether answers have to be read, and so must not be compressed. */
export const hidesAnything = (rules: readonly RuleSet[]): boolean =>
  lists.some(({ capability }) => hides(rules, capability));

const ofWhole = (rules: readonly RuleSet[]): Transform =>
  pieceByPiece(
    () => undefined,
    (whole) => shown(whole.toString('utf8'), rules) ?? whole,
  );

function ofEvents(rules: readonly RuleSet[]): Transform {
  let [endedInReturn, isRest, isEdited] = [false, false, false];
  const endOf = (kept: Buffer, from: number) => {
    // A line feed that comes only now belongs to the end of the event before.
    isRest = endedInReturn && kept[0] === lineFeed;
    const end = isRest ? 1 : endOfEvent(kept, from);
    if (kept.length > 0) endedInReturn = end !== undefined && kept[end - 1] === carriageReturn;
    return end;
  };
  return pieceByPiece(endOf, (event) => {
    if (isRest) return isEdited ? '' : event;
    const edited = shownEvent(event, rules);
    isEdited = edited !== event;
    return edited;
  });
}

/**
 * @param endOf - where the first whole piece ends, looking from `from` on; undefined when more has to come. What is
 *   left when the stream ends is a piece, too.
 */
function pieceByPiece(
  endOf: (kept: Buffer, from: number) => number | undefined,
  edit: (piece: Buffer) => Buffer | string,
): Transform {
  let kept: Buffer = Buffer.alloc(0);
  let isTooLarge = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (isTooLarge) {
        done(null, chunk);
        return;
      }
      let from = Math.max(0, kept.length - 3);
      kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      try {
        for (let end = endOf(kept, from); end !== undefined; end = endOf(kept, from)) {
          this.push(edit(kept.subarray(0, end)));
          kept = kept.subarray(end);
          from = 0;
        }
      } catch (error) {
        // What is nested too deeply can be read, and not be written again.
        done(error as Error);
        return;
      }
      isTooLarge = kept.length > lookLimitBytes;
      if (!isTooLarge) {
        done();
        return;
      }
      done(null, kept);
      kept = Buffer.alloc(0);
    },
    flush(done) {
      try {
        const last = kept.length === 0 ? undefined : edit(kept);
        done(null, last);
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

function endOfEvent(kept: Buffer, from: number): number | undefined {
  const ends = eventEnds.flatMap((end) => {
    const at = kept.indexOf(end, from);
    return at === -1 ? [] : [at + end.length];
  });
  if (ends.length === 0) return undefined;
  const end = Math.min(...ends);
  return kept[end - 1] === carriageReturn && kept[end] === lineFeed ? end + 1 : end;
}

/** WHATWG HTML §9.2.6: the lines of `data` belong together, the order of the others does not matter. */
function shownEvent(event: Buffer, rules: readonly RuleSet[]): Buffer | string {
  if (!lists.some(({ member }) => event.includes(`"${member}"`))) return event;
  const lines = event.toString('utf8').split(/\r\n|\n|\r/);
  const isData = (line: string) => line.startsWith('data:');
  const data = lines.filter(isData).map((line) => line.slice(5).replace(/^ /, ''));
  const edited = shown(data.join('\n'), rules);
  if (edited === undefined) return event;
  return [...lines.filter((line) => line !== '' && !isData(line)), `data: ${edited}`, '', ''].join('\n');
}

/**
 * The message, or the batch of messages, without what rules say never to.
 * @returns undefined when nothing of it is hidden, or it is no message
 */
export function shown(text: string, rules: readonly RuleSet[]): string | undefined {
  const message = parseJson(text);
  if (message === undefined || shownOf(message, rules) === message) return undefined;
  // Read once more, since what is not hidden is to stay as it is, its numbers, too, unless it is nested too deeply for that.
  return JSON.stringify(shownOf(parseJson(text, asWritten) ?? message, rules));
}

/** @returns `message` itself when nothing of it is hidden */
function shownOf(message: unknown, rules: readonly RuleSet[]): unknown {
  if (!Array.isArray(message)) return withoutHidden(message, rules);
  const edited = message.map((one: unknown) => withoutHidden(one, rules));
  return edited.every((one, at) => one === message[at]) ? message : edited;
}

function withoutHidden(message: unknown, rules: readonly RuleSet[]): unknown {
  if (!isObject(message) || !isObject(message['result'])) return message;
  let result: Members = message['result'];
  for (const { member, capability, name } of lists) {
    const listed = result[member];
    if (!Array.isArray(listed)) continue;
    const kept = listed.filter((item: unknown) => {
      const named = isObject(item) ? item[name] : undefined;
      return typeof named !== 'string' || decide(rules, { capability, name: named }).effect !== 'never';
    });
    if (kept.length < listed.length) result = { ...result, [member]: kept };
  }
  return result === message['result'] ? message : { ...message, result };
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
