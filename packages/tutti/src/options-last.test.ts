// Options that every command takes, before the command's name.

import { expect, test } from 'vitest'
import { optionsLast } from './options-last.ts'

test.each([
  ['get nodes', 'get nodes'],
  ['--url http://c get nodes', 'get nodes --url http://c'],
  ['-p shop --json --key=k get --home h routes', 'get --home h routes -p shop --json --key=k'],
  ['--home h workflow run w -- --url u', 'workflow run w --home h -- --url u'],
  ['--help', '--help'],
  ['--url', '--url'],
  ['--url u', '--url u'],
  ['--unknown get', '--unknown get'],
  ['', ''],
])('%s: %s', (given, expected) => {
  const words = (text: string) => text.split(' ').filter((word) => word !== '')
  expect(optionsLast(words(given))).toEqual(words(expected))
})
