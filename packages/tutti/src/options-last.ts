// Options last
//
// What every command takes may stand before its name as well: `tutti --url URL get nodes`, as other programs have it.

const valued = new Set(['--home', '--url', '--key', '--project', '-p'])

/** The same words with options that stand before the command behind it. */
export function optionsLast(words: readonly string[]): string[] {
  let end = 0
  for (let word = words[0]; word !== undefined && isShared(word); word = words[end]) {
    end += valued.has(word) ? 2 : 1
  }
  const command = words.slice(end)
  const rest = command.indexOf('--') // what follows it is no option
  const place = rest === -1 ? command.length : rest
  return command.toSpliced(place, 0, ...words.slice(0, end))
}

function isShared(word: string): boolean {
  const [name = ''] = word.split('=', 1)
  return word === '--json' || valued.has(name)
}
