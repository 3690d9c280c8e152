import { expect, test } from 'vitest'
import { whyForeign } from './why-foreign.ts'

test.each([
  [{ host: '127.0.0.1:7070' }, true],
  [{ host: 'LOCALHOST' }, true],
  [{ host: '[::1]:80', origin: 'http://localhost:5173' }, true],
  [{ host: 'tutti.example:443', origin: 'https://Tutti.example' }, true],
  [{}, false],
  [{ host: '' }, false],
  [{ host: 'evil.example' }, false],
  [{ host: '127.0.0.1.evil.example' }, false],
  [{ host: 'localhost', origin: 'https://evil.example' }, false],
  [{ host: 'localhost', origin: 'null' }, false],
  [{ host: 'localhost', origin: '' }, false],
  [{ host: 'localhost', origin: 'http://localhost.evil.example' }, false],
  [{ host: 'localhost', origin: 'https://localhost@evil.example' }, false],
])('%j is ours: %s', (headers, isOurs) => {
  expect(whyForeign(headers, ['Tutti.Example']) === null).toBe(isOurs)
})
