/** The Temporal UI in a browser's page. */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { createWorkflowList, type WorkflowList } from './workflowList.ts';
import { createWorkflowPage, type WorkflowPage } from './workflowPage.ts';

export interface TemporalUi extends WorkflowList, WorkflowPage {
  /** Saves what is on the screen; returns the file's path. */
  shot(name: string): Promise<string>;
}

/** How long anything may take to show; a busy machine is slow, a person is patient. */
const PATIENCE_MS = 20_000;

/**
 * @param baseUrl of the namespace, such as `http://127.0.0.1:8233/namespaces/default`
 * @param shots folder of the screenshots
 */
export function createTemporalUi(page: Page, baseUrl: string, shots: string): TemporalUi {
  page.setDefaultTimeout(PATIENCE_MS);
  return {
    ...createWorkflowList(page, baseUrl),
    ...createWorkflowPage(page),
    async shot(name) {
      const path = join(shots, `${name}.png`);
      await page.screenshot({ path });
      return path;
    },
  };
}
