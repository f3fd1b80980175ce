import type { TestUser } from '../test-users.js';

/** Google numbers people, and they sign in with their address. The password is the address. */
const person = (subject: string, name: string, email: string): TestUser => ({
  subject,
  name,
  email,
  password: email,
});

export const alice = person('110248495921238986420', 'Alice', 'alice@example.com');
export const bob = person('104733412985516720031', 'Bob', 'bob@example.com');
/** Has an account of her own, in no organization. */
export const carol = person('117903352284150061774', 'Carol', 'carol@gmail.com');

/** The organization an account belongs to (`hd`); private accounts belong to none. */
export function hostedDomain({ email }: Pick<TestUser, 'email'>): string | undefined {
  const domain = email.split('@')[1];
  return domain === 'gmail.com' ? undefined : domain;
}
