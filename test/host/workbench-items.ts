import type { Locator } from 'playwright-core';

// Elements come and go between two questions to the page, so each of these asks for all of them in one.

/** A notification as the user reads it. */
export type Notification = {
  readonly text: string;
  readonly severity: 'info' | 'warning' | 'error';
  readonly buttons: readonly string[];
};

/** An item of the status bar. */
export type StatusBarItem = {
  readonly id: string;
  readonly text: string;
  /** What a screen reader says. */
  readonly label: string;
  readonly background: 'none' | 'warning' | 'error';
};

/** What is read of an element of the page; the project's types know no DOM. */
export type Element = {
  readonly id: string;
  readonly ariaLabel: string | null;
  readonly className: string;
  readonly innerText: string;
  querySelectorAll(selector: string): Iterable<Element>;
};

/** All that is said by notifications, of which `items` are the rows. */
export function readNotifications(items: Locator): Promise<Notification[]> {
  return items.evaluateAll((elements: readonly Element[]) =>
    elements.map((element) => {
      const [icon] = element.querySelectorAll('.notification-list-item-icon');
      const [message] = element.querySelectorAll('.notification-list-item-message');
      const buttons = [
        ...element.querySelectorAll('.notification-list-item-buttons-container .monaco-button'),
      ];
      return {
        text: message?.innerText ?? '',
        severity: icon?.className.includes('error')
          ? 'error'
          : icon?.className.includes('warning')
            ? 'warning'
            : 'info',
        buttons: buttons.map(({ innerText }) => innerText),
      };
    }),
  );
}

/** All that `items` of the status bar show. */
export function readStatusBarItems(items: Locator): Promise<StatusBarItem[]> {
  return items.evaluateAll((elements: readonly Element[]) =>
    elements.map(({ id, innerText, ariaLabel, className }) => ({
      id,
      text: innerText.trim(),
      label: ariaLabel ?? '',
      background: className.includes('error-kind')
        ? 'error'
        : className.includes('warning-kind')
          ? 'warning'
          : 'none',
    })),
  );
}
