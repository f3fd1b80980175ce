import type { Page } from 'playwright-core';
import { alice, bob, isCalled, type TestUser } from '../support/test-users.js';

/**
 * Signs somebody in on the authorization server's pages as a person does, and allows what is asked. A user whom
 * the browser remembers is not asked for a password, but perhaps which account it shall be.
 * @param user - the one whom the page suggests when left out, or Alice
 * @param where - what the last page says it in
 * @returns what the tab says at the end
 */
export async function signInOnPage(page: Page, user?: TestUser, where = 'main'): Promise<string> {
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const name = page.getByLabel('User name');
  const another = button('Use another account');
  const allow = button('Allow');
  await name.or(another).or(allow).first().waitFor();
  if (await another.isVisible()) {
    const remembered = page.getByRole('button', { name: (user ?? alice).email });
    await ((await remembered.isVisible()) ? remembered : another).click();
    await name.or(allow).first().waitFor();
  }
  if (await name.isVisible()) {
    const { subject, password } = user ?? suggested(await name.inputValue());
    await name.fill(subject);
    await page.getByLabel('Password').fill(password);
    await button('Sign in').click();
  }
  await allow.click();
  // Back at the editor, or at the end of a sign-in for another device.
  await page.waitForURL(/^http:\/\/127\.0\.0\.1:\d+\/(.*\/)?callback\?|\/device\//);
  return page.locator(where).innerText();
}

const suggested = (name: string): TestUser => [alice, bob].find((user) => isCalled(user, name)) ?? alice;
