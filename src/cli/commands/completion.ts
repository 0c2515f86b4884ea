import { Argument, Command } from 'commander';
import { withExamples } from '../help.ts';

/** `homeport completion SHELL`: a completion script, made from the commands themselves so that it cannot lag behind. */
export function completionCommand(program: Command): Command {
  const command = new Command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .action((shell: 'bash' | 'zsh' | 'fish') => console.log(scripts[shell](entriesOf(program))));
  return withExamples(command, [
    ['source <(homeport completion bash)', 'in this shell'],
    ['homeport completion fish > ~/.config/fish/completions/homeport.fish', 'in every fish'],
  ]);
}

/** One command by its words ('image build'), and what may follow. */
interface Entry {
  path: string;
  words: { word: string; description: string }[];
}

function entriesOf(command: Command, path: readonly string[] = []): Entry[] {
  const words = [
    ...command.commands.map((child) => ({ word: child.name(), description: child.summary() || child.description() })),
    ...command.options.flatMap((option) =>
      option.long ? [{ word: option.long, description: option.description }] : [],
    ),
    { word: '--help', description: 'show help' },
  ];
  return [
    { path: path.join(' '), words },
    ...command.commands.flatMap((child) => entriesOf(child, [...path, child.name()])),
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const scripts = {
  bash(entries: readonly Entry[]): string {
    return `_homeport() {
  local i path='' current=\${COMP_WORDS[COMP_CWORD]}
  for ((i = 1; i < COMP_CWORD; i++)); do [[ \${COMP_WORDS[i]} == -* ]] || path+="\${path:+ }\${COMP_WORDS[i]}"; done
${shellCase(entries, (words) => `COMPREPLY=($(compgen -W ${quote(words.map(({ word }) => word).join(' '))} -- "$current"))`)}
}
complete -o default -F _homeport homeport`;
  },

  zsh(entries: readonly Entry[]): string {
    const described = (words: Entry['words']): string =>
      words.map(({ word, description }) => quote(`${word}:${description.replaceAll(':', ' -')}`)).join(' ');
    return `#compdef homeport
_homeport() {
  local path='' word
  for word in \${words[2,CURRENT-1]}; do [[ $word == -* ]] || path+="\${path:+ }$word"; done
  local -a candidates
${shellCase(entries, (words) => `candidates=(${described(words)})`)}
  _describe homeport candidates || _files
}
compdef _homeport homeport`;
  },

  fish(entries: readonly Entry[]): string {
    return entries.flatMap(({ path, words }) => words.map((word) => fishLine(path, word))).join('\n');
  },
};

/** A shell `case` over the command so far; an argument after the command's words still completes as that command. */
function shellCase(entries: readonly Entry[], body: (words: Entry['words']) => string): string {
  const deepestFirst = [...entries].sort((a, b) => b.path.length - a.path.length);
  const branches = deepestFirst.map(({ path, words }) => {
    const pattern = path === '' ? '*' : `${quote(path)}|${quote(`${path} `)}*`;
    return `    ${pattern}) ${body(words)} ;;`;
  });
  return `  case "$path" in\n${branches.join('\n')}\n  esac`;
}

function fishLine(path: string, { word, description }: Entry['words'][number]): string {
  const words = path.split(' ').filter((part) => part !== '');
  const condition =
    words.length === 0
      ? '__fish_use_subcommand'
      : words.map((part) => `__fish_seen_subcommand_from ${part}`).join('; and ');
  const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`;
  return `complete -c homeport -n ${quote(condition)} ${what} -d ${quote(description)}`;
}
