import type { Page } from 'playwright-core';
import { until } from './until.js';

/** What is read of an image in a page; the project's types know no DOM. */
type Image = { readonly complete: boolean; readonly naturalWidth: number };

/**
 * Waits for the image in a webview whose description begins with `description`, in the colours of the theme.
 * A webview is a frame within a frame, which is drawn long after the editor around it.
 */
export async function imageInWebview(
  page: Page,
  description: string,
  theme: 'light' | 'dark',
): Promise<void> {
  const images = `body.vscode-${theme} img[alt^=${JSON.stringify(description)}]`;
  await until(`image ${JSON.stringify(description)} in a webview`, async () => {
    const drawn = await Promise.all(
      page.frames().map((frame) =>
        frame
          .locator(images)
          .evaluateAll((found: readonly Image[]) =>
            found.some(({ complete, naturalWidth }) => complete && naturalWidth > 0),
          )
          // A frame may go while it is asked.
          .catch(() => false),
      ),
    );
    return drawn.includes(true);
  });
}
