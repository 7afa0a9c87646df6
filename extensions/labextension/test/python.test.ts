import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { decisionCell, keepCell, keepViewCell, openCaseCell, pythonString } from '../src/python';

test('a cell opens the log and reconstructs the decision', () => {
  assert.equal(
    decisionCell('../sample_data/flights', '0198'),
    'import audit_lab as al\n\nlog = al.open("../sample_data/flights")\ndecision = log.decision("0198")\ndecision'
  );
});

test('quotes, backslashes and line ends cannot leave the literal', () => {
  assert.equal(pythonString('a"); import os #'), '"a\\"); import os #"');
  assert.equal(pythonString('a\\'), '"a\\\\"');
  assert.equal(pythonString('a\nb\r\u2028'), '"a\\u000ab\\u000d\\u2028"');
});

test('characters that hide or reorder text are escaped', () => {
  assert.equal(pythonString('a\u202eb\u200b\ufeff'), '"a\\u202eb\\u200b\\ufeff"');
});

test('letters of every script stay readable', () => {
  assert.equal(pythonString('Zürich 東京 😀'), '"Zürich 東京 😀"');
});

test('half of a surrogate pair is escaped', () => {
  assert.equal(pythonString('a\ud800b'), '"a\\ud800b"');
});

test('python reads back every literal as the same text', () => {
  const texts = ['plain', 'a"b\'c', '\\n \\', 'tab\tend', '\u0000\u001f\u007f', "{x!r} %s ''' \"\"\"", '\u2029\u202e', '\ud83d\ude00'];
  const program = `import json; print(json.dumps([${texts.map(pythonString).join(', ')}]))`;
  assert.deepEqual(JSON.parse(execFileSync('python3', ['-c', program], { encoding: 'utf8' })), texts);
});

test('a cell opens a case as the actor of the settings, or as the case says', () => {
  assert.equal(
    openCaseCell('../cases/INC-7', 'ana'),
    'import audit_lab as al\n\ncase = al.Case.open("../cases/INC-7", actor="ana")\ncase'
  );
  assert.match(openCaseCell('cases/INC-7', ''), /al\.Case\.open\("cases\/INC-7"\)\ncase$/);
});

test('a kept cell is found by its code, which is a literal of one line, so that a clean kernel finds it too', () => {
  const cell = keepCell(7, 'What moved', 'print("a")\nlog.drift()\n');
  assert.equal(
    cell,
    'source = "print(\\"a\\")\\u000alog.drift()"\n' +
      'case.keep(Out[max(n for n in Out if In[n] == source)], "What moved", code=source)'
  );
});

test('a kept cell with magics is found by its number', () => {
  assert.match(keepCell(7, 'How long', '%timeit log.drift()'), /case\.keep\(Out\[7\], "How long", code=source\)$/);
});

test('a view is kept with what is chosen in it', () => {
  assert.equal(
    keepViewCell(7, 'By "week"', 'al.view(drift)\n', { column: "'purpose'", stored: 'True' }),
    'source = "al.view(drift)"\n' +
      'view = Out[max(n for n in Out if In[n] == source)]\n' +
      "view.choose(column='purpose', stored=True)\n" +
      'view.keep(case, "By \\"week\\"")'
  );
});

test('a view in which nothing is chosen is kept as it is', () => {
  assert.equal(
    keepViewCell(7, 'All', '%matplotlib inline\nal.view(drift)', {}),
    'source = "%matplotlib inline\\u000aal.view(drift)"\nview = Out[7]\nview.keep(case, "All")'
  );
});
