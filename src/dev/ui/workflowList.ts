/** The Temporal UI's list of workflows, as an operator uses it. Made for UI 2.54. */
import type { Locator, Page } from 'playwright-core';

export interface WorkflowList {
  /**
   * Types a query into the list's box.
   *
   * @returns ids of the workflows on the first page
   * @throws an Error with the server's words where it does not take the query
   */
  list(query: string): Promise<string[]>;
  /** Follows the link of a row that is on the screen. */
  follow(id: string): Promise<void>;
}

/** @param baseUrl of the namespace, such as `http://127.0.0.1:8233/namespaces/default` */
export function createWorkflowList(page: Page, baseUrl: string): WorkflowList {
  const rows = page.getByTestId('workflows-summary-configurable-table-row');
  const failure = page.getByText('Error Filtering Workflows');
  const nothing = page.getByText('No Workflows Found');

  return {
    async list(query) {
      await page.goto(`${baseUrl}/workflows`, { waitUntil: 'commit' });
      await page.getByTestId('toggle-manual-query').click();
      const box = page.getByTestId('workflow-manual-search-input');
      await box.fill(query);
      const asked = (url: string): boolean => new URL(url).searchParams.get('query') === query;
      await Promise.all([
        page.waitForResponse((response) => asked(response.url())),
        box.press('Enter'),
      ]);
      await rows.first().or(failure).or(nothing).first().waitFor();
      if (await failure.isVisible()) {
        const words = await textOf(failure.locator('..'));
        throw new Error(`The UI refused the query ${query}: ${words}`);
      }
      const links = (await rows.all()).map((row) => row.locator('a[href*="/workflows/"]').first());
      return Promise.all(links.map(textOf));
    },
    async follow(id) {
      await page.getByRole('link', { name: id, exact: true }).first().click();
      await page.getByTestId('workflow-id-heading').getByText(id, { exact: true }).waitFor();
    },
  };
}

/** What a person reads there: the rendered text. */
async function textOf(place: Locator): Promise<string> {
  return (await place.allInnerTexts()).join(' ').trim();
}
