/** A workflow's page of the Temporal UI, as an operator uses it. Made for UI 2.54. */
import type { Locator, Page } from 'playwright-core';

/** What the tab User Metadata shows. */
export interface Metadata {
  summary: string;
  details: string;
  /** As the workflow tells it at this moment. */
  current: string;
  /** How many links stand in all of it. */
  links: number;
}

export interface WorkflowPage {
  /** Opens the page by its link. */
  open(link: string): Promise<void>;
  metadata(): Promise<Metadata>;
  /** The reason is typed as JSON text. */
  signal(name: string, reason: string): Promise<void>;
  /** Null when the UI calls it successful, else what the dialog says, which stays open. */
  update(name: string, data: string): Promise<string | null>;
  /** Presses the button of that name and confirms. */
  requestCancellation(): Promise<void>;
}

/** Each has its Markdown in a page of its own. */
const FRAMES = ['user-metadata-summary', 'user-metadata-details', 'user-metadata-current-details'];

export function createWorkflowPage(page: Page): WorkflowPage {
  const moreActions = page.getByRole('button', { name: 'More Actions' });
  /** The page has each dialog twice, for wide and for narrow screens; one of them is shown. */
  const dialog = (name: string): Locator =>
    page.getByTestId(`${name}-confirmation-modal`).locator('visible=true');

  /** Opens the dialog of an item of More Actions, picks a name and types the data. */
  async function fillIn(item: string, kind: string, name: string, data: string): Promise<Locator> {
    await moreActions.click();
    await page.getByRole('menuitem', { name: item }).locator('visible=true').click();
    const box = dialog(kind);
    await box.getByTestId(`${kind}-select-button`).click();
    const exact = page.getByText(name, { exact: true });
    await box.getByRole('option').filter({ has: exact }).click();
    await box.getByRole('textbox', { name: 'Data' }).click();
    // The dialogs keep what was typed before.
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(data);
    return box;
  }

  const inFrame = (id: string, what: string) => page.frameLocator(`#${id}`).locator(what);

  async function frameText(id: string): Promise<string> {
    const body = inFrame(id, 'body');
    await body.waitFor();
    return (await body.allInnerTexts()).join(' ').trim();
  }

  return {
    async open(link) {
      await page.goto(link, { waitUntil: 'commit' });
      await moreActions.waitFor();
    },
    async metadata() {
      // Another tab first: what the tab shows is as old as its opening.
      await page.getByTestId('search-attributes-tab').click();
      await page.getByTestId('user-metadata-tab').click();
      const [summary = '', details = '', current = ''] = await Promise.all(FRAMES.map(frameText));
      const links = await Promise.all(FRAMES.map((id) => inFrame(id, 'a').count()));
      return { summary, details, current, links: links.reduce((sum, count) => sum + count) };
    },
    async signal(name, reason) {
      const box = await fillIn('Send a Signal', 'signal', name, JSON.stringify(reason));
      await box.getByTestId('confirm-modal-button').click();
      await box.waitFor({ state: 'hidden' });
    },
    async update(name, data) {
      const box = await fillIn('Send an Update', 'update', name, data);
      await box.getByTestId('confirm-modal-button').click();
      const words = box.getByRole('alert').filter({ hasText: /\S/ });
      await Promise.race([box.waitFor({ state: 'hidden' }), words.first().waitFor()]);
      if (!(await box.isVisible())) return null;
      return (await words.allInnerTexts()).join(' ').trim();
    },
    async requestCancellation() {
      await page.getByRole('button', { name: 'Request Cancellation' }).click();
      await dialog('cancel').getByTestId('confirm-modal-button').click();
    },
  };
}
