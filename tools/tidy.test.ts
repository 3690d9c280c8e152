// Tidy: properties of the code itself that no compiler checks. Run with the other tests.
// After TigerBeetle's src/tidy.zig and rust-analyzer's xtask tidy.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { expect, test } from 'vitest'

const limits = { functionLines: 70, fileLines: 500, lineColumns: 100, positionalParameters: 4 }
const emptyNames = /\/(utils?|helpers?|common|misc|types|interfaces|manager|service)\.ts$/
const impure = new Set(['Date.now', 'Math.random', 'performance.now'])
// Names of this place and of machines have no business in the product.
const privateNames = /\/work\/(main|shared)|\/root\/|registry\.npmjs\.org/

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((path) => existsSync(path))
const sources = tracked
  .filter((path) => /^(packages|examples|conformance|bench)\/.*\.ts$/.test(path))
  .map((path) => {
    const text = readFileSync(path, 'utf8')
    return { path, text, ast: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) }
  })

type Source = (typeof sources)[number]

test('every function fits on a screen', () =>
  complain(({ path, ast }) =>
    isTest(path)
      ? []
      : functionsOf(ast)
          .filter((f) => f.lines > limits.functionLines)
          .map((f) => `${path}:${f.line} ${f.lines} lines, limit ${limits.functionLines}`),
  ))

test('every file is one room, not a warehouse', () =>
  complain(({ path, text }) =>
    text.split('\n').length > limits.fileLines ? [`${path} over ${limits.fileLines} lines`] : [],
  ))

test('no line needs a scrollbar', () =>
  complain(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, i) =>
        line.length > limits.lineColumns && !/^\s*(import|export|\/\/|`)/.test(line)
          ? [`${path}:${i + 1} ${line.length} columns`]
          : [],
      )
      .filter(() => !isTest(path)),
  ))

test('few positional parameters', () =>
  complain(({ path, ast }) =>
    isTest(path)
      ? []
      : functionsOf(ast)
          .filter((f) => f.parameters > limits.positionalParameters)
          .map((f) => `${path}:${f.line} ${f.parameters} parameters: use a named object`),
  ))

test('file names say something', () =>
  complain(({ path }) => (emptyNames.test(path) ? [path] : [])))

test('a door only re-exports', () =>
  complain(({ path, ast }) =>
    /^packages\/.*\/index\.ts$/.test(path) && ast.statements.some((s) => !ts.isExportDeclaration(s))
      ? [path]
      : [],
  ))

test('core takes time and chance as arguments', () =>
  complain(({ path, ast }) =>
    path.startsWith('packages/core/') && !isTest(path)
      ? nodesOf(ast)
          .filter(
            (n) =>
              (ts.isPropertyAccessExpression(n) && impure.has(n.getText(ast))) ||
              (ts.isNewExpression(n) &&
                n.expression.getText(ast) === 'Date' &&
                !n.arguments?.length) ||
              (ts.isFunctionLike(n) &&
                ts.canHaveModifiers(n) &&
                ts.getModifiers(n)?.some((m) => m.kind === ts.SyntaxKind.AsyncKeyword)),
          )
          .map((n) => `${path}: ${n.getText(ast).slice(0, 60)}`)
      : [],
  ))

test('nothing is left for later', () =>
  complain(({ path, text }) => (/\b(TODO|XXX|HACK)\b/.test(text) ? [path] : [])))

test('no machine path and no registry host is committed', () => {
  const texts = tracked.filter((path) => /\.(ts|json|md|cjs|yaml|yml|txt)$|\.ci\/run$/.test(path))
  const complaints = texts.filter(
    (path) => path !== 'tools/tidy.test.ts' && privateNames.test(readFileSync(path, 'utf8')),
  )
  expect(complaints).toEqual([])
})

function complain(check: (source: Source) => readonly string[]): void {
  expect(sources.flatMap(check)).toEqual([])
}

function isTest(path: string): boolean {
  return /\.(test|fixture)\.ts$/.test(path)
}

function functionsOf(ast: ts.SourceFile) {
  return nodesOf(ast)
    .filter((n): n is ts.FunctionLikeDeclaration => ts.isFunctionLike(n) && 'body' in n && !!n.body)
    .map((n) => {
      const line = (pos: number) => ast.getLineAndCharacterOfPosition(pos).line + 1
      const start = line(n.getStart(ast))
      return { line: start, lines: line(n.end) - start + 1, parameters: n.parameters.length }
    })
}

function nodesOf(node: ts.Node): ts.Node[] {
  const nodes = [node]
  node.forEachChild((child) => {
    nodes.push(...nodesOf(child))
  })
  return nodes
}
