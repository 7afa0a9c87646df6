/** JupyterLab passes over its shortcuts for a key that is pressed in an element with this attribute. */
const PASSED_OVER = 'data-lm-suppress-shortcuts';

/**
 * Leave plain keys to the controls of what stands within elements of a class.
 *
 * A notebook in its command mode takes arrows and letters for its cells wherever the focus is, but for fields of text:
 * in a list or on a slider of a view, an arrow would leave the view, and the letter d, pressed twice, delete its cell.
 * What is pressed with Control, Alt or Command, Shift and Enter, and Escape stay the notebook's.
 */
export function ownKeys(className: string): void {
  // Before anyone else: Lab listens where a key comes out of the document, Notebook 7 where it enters.
  window.addEventListener(
    'keydown',
    event => {
      const control = event.target;
      if (!isPlain(event) || !(control instanceof HTMLElement) || control.closest(`.${className}`) === null) {
        return;
      }
      control.setAttribute(PASSED_OVER, '');
      setTimeout(() => control.removeAttribute(PASSED_OVER));
    },
    { capture: true }
  );
}

function isPlain(event: KeyboardEvent): boolean {
  const isWithOthers = event.ctrlKey || event.altKey || event.metaKey;
  return !isWithOthers && event.key !== 'Escape' && !(event.shiftKey && event.key === 'Enter');
}
