// URI template
//
// `https://host/pets/{petId}{?status}`: RFC 6570 levels 1 to 3, as far as endpoints use them. Values come from
// the task's input by name.

import type { Json } from '../../resource/index.ts'

/** Expands a template; a variable that the input lacks becomes nothing. */
export function expandUri(template: string, input: Json): string {
  if (!template.includes('{')) return template
  return template.replace(/\{([?&/#+.;]?)([^{}]+)\}/g, (_, operator: string, list: string) =>
    expand(operator, list.split(','), input),
  )
}

function expand(operator: string, names: readonly string[], input: Json): string {
  const values = names.flatMap((name): [string, string][] => {
    const value = lookUp(input, name.replace(/[*]$|:\d+$/, ''))
    return value === null ? [] : [[name, written(value, operator)]]
  })
  if (values.length === 0) return ''
  const pairs = values.map(([name, value]) => `${name}=${value}`)
  const plain = values.map(([, value]) => value)
  switch (operator) {
    case '?':
      return `?${pairs.join('&')}`
    case '&':
      return `&${pairs.join('&')}`
    case ';':
      return `;${pairs.join(';')}`
    case '/':
      return `/${plain.join('/')}`
    case '#':
      return `#${plain.join(',')}`
    case '.':
      return `.${plain.join('.')}`
    default:
      return plain.join(',')
  }
}

function lookUp(input: Json, path: string): Json {
  let at: Json = input
  for (const name of path.trim().split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return null
    at = Object.entries(at).find(([key]) => key === name)?.[1] ?? null
  }
  return at
}

function written(value: Json, operator: string): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return operator === '+' || operator === '#' ? encodeURI(text) : encodeURIComponent(text)
}
