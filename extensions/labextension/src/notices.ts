import { Notification } from '@jupyterlab/apputils';

/*
 * Jupyter shows a message for so many milliseconds, and then keeps it in its notification centre; one that states no
 * time it keeps there alone, where nobody sees it come.
 */
const ERROR_MS = 30_000;
const OTHERS_MS = 12_000;

type Options = Parameters<typeof Notification.error>[1];

/** Say what went wrong, where it is seen. */
export function sayError(text: string, options: Options = {}): void {
  Notification.error(text, { autoClose: ERROR_MS, ...options });
}

/** Say why nothing was done, and what to do, where it is seen. */
export function sayWhyNot(text: string): void {
  Notification.warning(text, { autoClose: OTHERS_MS });
}

/** Say something that is worth knowing, where it is seen. */
export function sayAlso(text: string): void {
  Notification.info(text, { autoClose: OTHERS_MS });
}
