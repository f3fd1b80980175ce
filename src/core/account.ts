/** Who a grant speaks for. Two accounts are the same exactly when issuer and subject are. */
export interface Account {
  readonly issuer: string;
  readonly subject: string;
  /** What a person recognizes: an e-mail address, a name, else the subject. For display only. */
  readonly label: string;
}

/** Whether both name the same subject at the same issuer. */
export function sameAccount(a: Account, b: Account): boolean {
  return a.issuer === b.issuer && a.subject === b.subject;
}

/** Whether the user means `account` by `name`: its label or its subject, letter case aside. */
export function isCalled(account: Account, name: string): boolean {
  const wanted = name.toLowerCase();
  return account.label.toLowerCase() === wanted || account.subject.toLowerCase() === wanted;
}
