import type { NotebookPanel } from '@jupyterlab/notebook';

/** Insert a code cell below the active cell of a notebook, make it the active one and bring it into view. */
export async function insertCell(panel: NotebookPanel, source: string): Promise<void> {
  await panel.context.ready;
  const { model } = panel.context;
  const notebook = panel.content;
  const index = notebook.activeCellIndex + 1;
  model.sharedModel.insertCell(index, { cell_type: 'code', source, metadata: { trusted: true } });
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  await notebook.scrollToItem(index);
}
