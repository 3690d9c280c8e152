Feature: Persistence
  What a runtime that was ended and started again must still know.

  Scenario: A pause is over at its time all the same
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-pause-is-over-at-its-time-all-the-same
      version: '1.0.0'
    do:
      - nap: { wait: { milliseconds: 30 } }
      - after: { set: { woke: true } }
    """
    When the workflow is executed
    When the runtime is restarted
    Then the workflow should complete with output:
    """yaml
    { woke: true }
    """

  Scenario: What was called is not called again
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-was-called-is-not-called-again
      version: '1.0.0'
    do:
      - ask: { call: http, with: { method: post, endpoint: 'http://kit.example/pay' } }
      - nap: { wait: { milliseconds: 30 } }
      - after: { set: { done: true } }
    """
    And given 'POST http://kit.example/pay' answers:
    """yaml
    body: { paid: true }
    """
    When the workflow is executed
    When the runtime is restarted
    Then the workflow should complete with output:
    """yaml
    { done: true }
    """
    And 'POST http://kit.example/pay' should have been called 1 time

  Scenario: Who listened still listens
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: who-listened-still-listens
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a } } } } }
    """
    When the workflow is executed
    When the runtime is restarted
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 } ]
    """

  Scenario: Events that came before are not lost
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: events-that-came-before-are-not-lost
      version: '1.0.0'
    do:
      - hear: { listen: { to: { all: [ { with: { type: kit.a } }, { with: { type: kit.b } } ] } } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.a, data: { n: 1 } }
    """
    When the runtime is restarted
    When the event is published:
    """yaml
    { id: '2', source: 'https://kit.example', type: kit.b, data: { n: 2 } }
    """
    Then the workflow should complete

  Scenario: The context is still there
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-context-is-still-there
      version: '1.0.0'
    do:
      - keep: { set: { v: 5 }, export: { as: '${ { kept: .v } }' } }
      - nap: { wait: { milliseconds: 30 } }
      - see: { set: { v: '${ $context.kept }' } }
    """
    When the workflow is executed
    When the runtime is restarted
    Then the workflow should complete with output:
    """yaml
    { v: 5 }
    """

  Scenario: A loop goes on where it was
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-loop-goes-on-where-it-was
      version: '1.0.0'
    do:
      - init: { set: { list: [1, 2, 3], sum: 0 } }
      - loop:
          for: { each: n, in: .list }
          do:
            - nap: { wait: { milliseconds: 15 } }
            - add: { set: { list: '${ .list }', sum: '${ .sum + $n }' } }
    """
    When the workflow is executed
    When the runtime is restarted
    When the runtime is restarted
    Then the workflow output should have a 'sum' property with value:
    """yaml
    6
    """

  Scenario: Both branches of a fork go on
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: both-branches-of-a-fork-go-on
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - a: { do: [ { nap1: { wait: { milliseconds: 20 } } }, { say1: { set: { n: 1 } } } ] }
              - b: { do: [ { nap2: { wait: { milliseconds: 30 } } }, { say2: { set: { n: 2 } } } ] }
    """
    When the workflow is executed
    When the runtime is restarted
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 }, { n: 2 } ]
    """

  Scenario: A subflow and who waits for it go on
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: napping
      version: '1.0.0'
    do:
      - nap: { wait: { milliseconds: 30 } }
      - say: { set: { woke: true } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-subflow-and-who-waits-for-it-go-on
      version: '1.0.0'
    do:
      - sub: { run: { workflow: { namespace: kit, name: napping, version: '1.0.0', input: { n: 1 } } } }
    """
    When the workflow is executed
    When the runtime is restarted
    Then the workflow should complete with output:
    """yaml
    { woke: true }
    """

  Scenario: A time limit is over at its time all the same
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-time-limit-is-over-at-its-time-all-the-same
      version: '1.0.0'
    do:
      - slow: { timeout: { after: { milliseconds: 40 } }, wait: { seconds: 60 } }
    """
    When the workflow is executed
    When the runtime is restarted
    Then the workflow should fault with error:
    """yaml
    status: 408
    """

  Scenario: Attempts that were made count
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: attempts-that-were-made-count
      version: '1.0.0'
    do:
      - attempt:
          try: [ { ask: { call: http, with: { method: get, endpoint: 'http://kit.example/flaky' } } } ]
          catch: { retry: { delay: { milliseconds: 30 }, limit: { attempt: { count: 5 } } } }
    """
    And given 'GET http://kit.example/flaky' answers:
    """yaml
    - { status: 503 }
    - { body: { ok: true } }
    """
    When the workflow is executed
    When the runtime is restarted
    Then the workflow should complete with output:
    """yaml
    { ok: true }
    """
    And 'GET http://kit.example/flaky' should have been called 2 times
