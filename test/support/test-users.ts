/** A person the test authorization server knows. Made up, with a password that is no secret. */
export interface TestUser {
  /** The user name, and the `sub` of every token. */
  readonly subject: string;
  readonly name: string;
  readonly email: string;
  readonly password: string;
  /** Somebody who says that the address is theirs, and has not shown it. */
  readonly isUnverified?: true;
}

export const alice: TestUser = {
  subject: 'alice',
  name: 'Alice',
  email: 'alice@example.com',
  password: 'alice',
};

export const bob: TestUser = { subject: 'bob', name: 'Bob', email: 'bob@example.com', password: 'bob' };

/** Whether somebody who types or hints `text` means this user: by user name or by e-mail address. */
export const isCalled = (user: TestUser, text: string): boolean =>
  [user.subject, user.email].includes(text.trim().toLowerCase());
