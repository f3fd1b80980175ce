import type { Questions } from '../../src/core/questions.js';

const refuse = (what: string) => () => Promise.reject(new Error(`Nobody planned to be asked for ${what}.`));

/** A user who has nothing to say: being asked is a mistake. */
export const noQuestions: Questions = {
  issuer: refuse('an authorization server'),
  client: refuse('a client'),
  mayReceive: refuse('where tokens may go'),
  proof: refuse('a secret'),
};
