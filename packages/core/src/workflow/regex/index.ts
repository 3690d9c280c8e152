export type { Purse, Spans } from './match-regex.ts'
export type { Dialect, RegexFlags } from './parse-regex.ts'
export { type CompiledRegex, compileRegex, noFlags, type Regex } from './regex.ts'
