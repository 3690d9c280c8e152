Feature: Advanced branching and synchronization
  Patterns 6 to 9, 28 to 33, 37 and 38, 41 and 42. A branch tells that it is done by an event, where a join does not wait for all of them.

  Scenario: WCP-6 Multi-Choice
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-6-multi-choice
      version: '1.0.0'
    do:
      - chosen:
          fork:
            branches:
              - police: { if: '${ $workflow.input.police }', call: http, with: { method: post, endpoint: 'http://kit.example/police' } }
              - doctor: { if: '${ $workflow.input.doctor }', call: http, with: { method: post, endpoint: 'http://kit.example/doctor' } }
              - fire: { if: '${ $workflow.input.fire }', call: http, with: { method: post, endpoint: 'http://kit.example/fire' } }
    """
    And given the workflow input is:
    """yaml
    { police: true, doctor: false, fire: true }
    """
    And given 'POST http://kit.example/police' answers:
    """yaml
    body: { police: true }
    """
    And given 'POST http://kit.example/doctor' answers:
    """yaml
    body: { doctor: true }
    """
    And given 'POST http://kit.example/fire' answers:
    """yaml
    body: { fire: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/police' should have been called 1 time
    And 'POST http://kit.example/doctor' should have been called 0 times
    And 'POST http://kit.example/fire' should have been called 1 time

  Scenario Outline: WCP-7 Structured Synchronizing Merge
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-7-structured-synchronizing-merge
      version: '1.0.0'
    do:
      - chosen:
          fork:
            branches:
              - a: { if: '${ $workflow.input.a }', do: [ { napA: { wait: { milliseconds: 10 } } }, { doneA: { set: { by: a } } } ] }
              - b: { if: '${ $workflow.input.b }', do: [ { napB: { wait: { milliseconds: 20 } } }, { doneB: { set: { by: b } } } ] }
      - merged: { set: { all: '${ [.[].by? // empty] }' } }
    """
    And given the workflow input is:
    """yaml
    { a: <a>, b: <b> }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { all: <all> }
    """
    And merged should run 1 time

    Examples:
      | a     | b     | all    |
      | true  | true  | [a, b] |
      | true  | false | [a]    |
      | false | true  | [b]    |

  Scenario: WCP-8 Multi-Merge
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-8-multi-merge
      version: '1.0.0'
    use: { functions: { follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } } } }
    do:
      - split:
          fork:
            branches:
              - a: { do: [ { workA: { set: { n: 1 } } }, { followA: { call: follow } } ] }
              - b: { do: [ { workB: { set: { n: 2 } } }, { followB: { call: follow } } ] }
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 2 times

  Scenario: WCP-9 Structured Discriminator
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-9-structured-discriminator
      version: '1.0.0'
    do:
      - join:
          fork:
            branches:
              - first:
                  do:
                    - hear: { listen: { to: { any: [ { with: { type: kit.done } } ], until: '${ length == 1 }' } } }
                    - follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } }
              - a: { do: [ { nap-a: { wait: { milliseconds: 5 } } }, { work-a: { call: http, with: { method: post, endpoint: 'http://kit.example/a' } } }, { tell-a: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } } } ] }
              - b: { do: [ { nap-b: { wait: { milliseconds: 35 } } }, { work-b: { call: http, with: { method: post, endpoint: 'http://kit.example/b' } } }, { tell-b: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } } } ] }
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    And given 'POST http://kit.example/a' answers:
    """yaml
    body: { a: true }
    """
    And given 'POST http://kit.example/b' answers:
    """yaml
    body: { b: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 1 time
    And 'POST http://kit.example/a' should have been called 1 time
    And 'POST http://kit.example/b' should have been called 1 time

  Scenario: WCP-28 Blocking Discriminator
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-28-blocking-discriminator
      version: '1.0.0'
    do:
      - rounds:
          for: { each: round, in: '[1, 2]' }
          do:
            - join:
                fork:
                  branches:
                    - first: { do: [ { hear: { listen: { to: { one: { with: { type: kit.done, data: '${ .round == $round }' } } } } } }, { follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } } } ] }
                    - a: { do: [ { napA: { wait: { milliseconds: 5 } } }, { tellA: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: { round: '${ $round }' } } } } } } ] }
                    - b: { do: [ { napB: { wait: { milliseconds: 25 } } }, { workB: { call: http, with: { method: post, endpoint: 'http://kit.example/b' } } }, { tellB: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: { round: '${ $round }' } } } } } } ] }
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    And given 'POST http://kit.example/b' answers:
    """yaml
    body: { b: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 2 times
    And 'POST http://kit.example/b' should have been called 2 times

  Scenario: WCP-29 Cancelling Discriminator
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-29-cancelling-discriminator
      version: '1.0.0'
    do:
      - race:
          fork:
            compete: true
            branches:
              - quick: { do: [ { nap1: { wait: { milliseconds: 5 } } }, { won: { set: { by: quick } } } ] }
              - slow: { do: [ { nap2: { wait: { seconds: 60 } } }, { work: { call: http, with: { method: post, endpoint: 'http://kit.example/slow' } } } ] }
      - follow: { set: { by: '${ .by }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { by: quick }
    """
    And 'POST http://kit.example/slow' should have been called 0 times

  Scenario: WCP-30 Structured Partial Join
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-30-structured-partial-join
      version: '1.0.0'
    do:
      - join:
          fork:
            branches:
              - first:
                  do:
                    - hear: { listen: { to: { any: [ { with: { type: kit.done } } ], until: '${ length == 2 }' } } }
                    - follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } }
              - a: { do: [ { nap-a: { wait: { milliseconds: 5 } } }, { work-a: { call: http, with: { method: post, endpoint: 'http://kit.example/a' } } }, { tell-a: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } } } ] }
              - b: { do: [ { nap-b: { wait: { milliseconds: 35 } } }, { work-b: { call: http, with: { method: post, endpoint: 'http://kit.example/b' } } }, { tell-b: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } } } ] }
              - c: { do: [ { nap-c: { wait: { milliseconds: 65 } } }, { work-c: { call: http, with: { method: post, endpoint: 'http://kit.example/c' } } }, { tell-c: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } } } ] }
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    And given 'POST http://kit.example/a' answers:
    """yaml
    body: { a: true }
    """
    And given 'POST http://kit.example/b' answers:
    """yaml
    body: { b: true }
    """
    And given 'POST http://kit.example/c' answers:
    """yaml
    body: { c: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 1 time
    And 'POST http://kit.example/a' should have been called 1 time
    And 'POST http://kit.example/b' should have been called 1 time
    And 'POST http://kit.example/c' should have been called 1 time

  Scenario: WCP-31 Blocking Partial Join
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-31-blocking-partial-join
      version: '1.0.0'
    do:
      - rounds:
          for: { each: round, in: '[1, 2]' }
          do:
            - join:
                fork:
                  branches:
                    - some: { do: [ { hear: { listen: { to: { any: [ { with: { type: kit.done, data: '${ .round == $round }' } } ], until: '${ length == 2 }' } } } }, { follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } } } ] }
                    - a: { do: [ { napa: { wait: { milliseconds: 5 } } }, { tella: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: { round: '${ $round }' } } } } } } ] }
                    - b: { do: [ { napb: { wait: { milliseconds: 10 } } }, { tellb: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: { round: '${ $round }' } } } } } } ] }
                    - c: { do: [ { napc: { wait: { milliseconds: 25 } } }, { tellc: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: { round: '${ $round }' } } } } } } ] }
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 2 times

  Scenario: WCP-32 Cancelling Partial Join
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-32-cancelling-partial-join
      version: '1.0.0'
    do:
      - join:
          fork:
            compete: true
            branches:
              - enough: { listen: { to: { any: [ { with: { type: kit.done } } ], until: '${ length == 2 }' } } }
              - all:
                  fork:
                    branches:
                      - a: { do: [ { napA: { wait: { milliseconds: 5 } } }, { tellA: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } } } ] }
                      - b: { do: [ { napB: { wait: { milliseconds: 10 } } }, { tellB: { emit: { event: { with: { source: 'https://kit.example', type: kit.done, data: {} } } } } } ] }
                      - c: { do: [ { napC: { wait: { seconds: 60 } } }, { workC: { call: http, with: { method: post, endpoint: 'http://kit.example/c' } } } ] }
      - follow: { call: http, with: { method: post, endpoint: 'http://kit.example/follow' } }
    """
    And given 'POST http://kit.example/follow' answers:
    """yaml
    body: { follow: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/follow' should have been called 1 time
    And 'POST http://kit.example/c' should have been called 0 times

  Scenario Outline: WCP-37 Local Synchronizing Merge
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-37-local-synchronizing-merge
      version: '1.0.0'
    do:
      - outer:
          fork:
            branches:
              - a: { if: '${ $workflow.input.a }', fork: { branches: [ { a1: { set: { n: 1 } } }, { a2: { if: '${ $workflow.input.a2 }', set: { n: 2 } } } ] } }
              - b: { set: { n: 4 } }
      - merged: { set: { sum: '${ [.. | .n? // empty] | add }' } }
    """
    And given the workflow input is:
    """yaml
    { a: <a>, a2: <a2> }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: <sum> }
    """
    And merged should run 1 time

    Examples:
      | a     | a2    | sum |
      | true  | true  | 7   |
      | true  | false | 5   |
      | false | true  | 4   |

  Scenario: WCP-41 Thread Merge
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-41-thread-merge
      version: '1.0.0'
    do:
      - threads: { call: tutti.map, with: { in: '${ [1, 2, 3] }', each: n, do: [ { work: { set: { n: '${ $n * 2 }' } } } ] } }
      - merged: { set: { sum: '${ map(.n) | add }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 12 }
    """
    And work should run 3 times
    And merged should run 1 time

  Scenario: WCP-42 Thread Split
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-42-thread-split
      version: '1.0.0'
    do:
      - one: { set: { ready: true } }
      - threads: { call: tutti.map, with: { in: '${ [range(3)] }', do: [ { work: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } } } ] } }
    """
    And given 'POST http://kit.example/work' answers:
    """yaml
    body: { work: true }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/work' should have been called 3 times
