import { isNotFetched, problemOf } from './api';
import { sayError } from './notices';
import { spelled } from './spelling';

/**
 * Return a command's function that says what goes wrong instead of losing it.
 *
 * Where a part of the extension, which is fetched when it is first needed, did not come, it can be tried again.
 */
export function told<T extends unknown[]>(act: (...given: T) => Promise<void>): (...given: T) => Promise<void> {
  const attempt = async (...given: T): Promise<void> => {
    try {
      await act(...given);
    } catch (error) {
      const { message, next_step: next } = problemOf(error);
      const actions = [
        { label: 'Try again', callback: () => void attempt(...given) },
        { label: 'Reload the page', callback: () => window.location.reload() }
      ];
      sayError(spelled(`${message}. ${next}`), isNotFetched(error) ? { actions, autoClose: false } : {});
    }
  };
  return attempt;
}
