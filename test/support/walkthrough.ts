/** One command of a walkthrough and what the page says that it prints. */
export interface Step {
  command: string;
  /** Lines; `…` stands for anything, a line of it alone for any number of lines. Empty: the page shows no output. */
  expected: string[];
  /** The line in the page, for messages. */
  line: number;
}

/** The commands of a Markdown page: the lines behind `$ ` in its ```console blocks, with the output that follows each. */
export function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  let inBlock = false;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (line.startsWith('```')) inBlock = line === '```console';
    else if (inBlock && line.startsWith('$ ')) steps.push({ command: line.slice(2), expected: [], line: index + 1 });
    else if (inBlock) steps.at(-1)?.expected.push(line);
  }
  return steps;
}

/** Whether an output is what the page shows. */
export function matches(expected: readonly string[], output: string): boolean {
  if (expected.length === 0) return true;
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = expected
    .map((line) => (line === '…' ? '(?:.*\\n)*' : `${line.split('…').map(literal).join('.*')}\\n`))
    .join('');
  return new RegExp(`^${pattern}$`).test(output.endsWith('\n') ? output : `${output}\n`);
}
