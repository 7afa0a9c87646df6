/** Paths as Jupyter's contents service names them: relative to the server's folder, with forward slashes. */

/** The folder in which a file lies; the server's own folder is the empty text. */
export function folderOf(file: string): string {
  const end = file.lastIndexOf('/');
  return end < 0 ? '' : file.slice(0, end);
}

/** The last name of a path. */
export function nameOf(path: string): string {
  return steps(path).pop() ?? path;
}

/** The path that leads from one folder to another; `.` where they are the same. */
export function relativePath(fromFolder: string, target: string): string {
  const from = steps(fromFolder);
  const to = steps(target);
  let shared = 0;
  while (shared < from.length && shared < to.length && from[shared] === to[shared]) {
    shared += 1;
  }
  const up = from.slice(shared).map(() => '..');
  return [...up, ...to.slice(shared)].join('/') || '.';
}

function steps(path: string): string[] {
  return path.split('/').filter(step => step !== '' && step !== '.');
}
