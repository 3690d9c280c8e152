import { describe, expect, test } from 'vitest'
import { parsePeerUrl, peerGuards, reachOf } from './peer-address.ts'

describe('the address of a peer', () => {
  test.each([
    ['10.0.0.7', false],
    ['192.168.1.2', false],
    ['100.64.3.4', false],
    ['203.0.113.9', false],
    ['fd00::7', false],
    ['127.0.0.1', true],
    ['::1', true],
    ['0.0.0.0', true],
    ['169.254.169.254', true],
    ['::ffff:169.254.169.254', true],
    ['::ffff:7f00:1', true],
    ['fe80::1', true],
    ['224.0.0.1', true],
    ['100.100.100.200', true],
    ['fd00:ec2::254', true],
    ['metadata', true],
  ])('%s is foreign: %s', (address, isForeign) => {
    expect(peerGuards.site.mayCall(address)).toBe(!isForeign)
  })

  test('loopback is near only where the control plane is, too', () => {
    expect(reachOf('http://127.0.0.1:7070')).toBe('this-machine')
    expect(reachOf('http://[::1]:7070')).toBe('this-machine')
    expect(reachOf('https://tutti.example')).toBe('site')
    expect(peerGuards['this-machine'].mayCall('127.0.0.1')).toBe(true)
    expect(peerGuards['this-machine'].mayCall('169.254.169.254')).toBe(false)
  })

  test.each([
    'http://169.254.169.254/latest',
    'http://127.0.0.1:6379',
    'http://2130706433',
    'http://0x7f.1',
    'http://[::ffff:127.0.0.1]:80',
    'http://user:secret@10.0.0.7',
    'http://10.0.0.7/?x=1',
    'file:///etc/passwd',
    'ftp://10.0.0.7',
  ])('%s is called by nobody', (url) => {
    expect(() => parsePeerUrl(url, 'site')).toThrow()
  })

  test('of an endpoint only scheme, host and port count', () => {
    expect(parsePeerUrl('http://10.0.0.7:8081/v2/models', 'site')).toBe('http://10.0.0.7:8081')
  })

  test('a name is judged by where it leads', async () => {
    const ask = (reach: 'site' | 'this-machine') =>
      new Promise((resolve) => {
        peerGuards[reach].lookup('localhost', { all: true }, (error) => resolve(error === null))
      })
    expect(await ask('site')).toBe(false)
    expect(await ask('this-machine')).toBe(true)
  })
})
