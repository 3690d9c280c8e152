Feature: Iteration, termination and triggers
  Patterns 10 and 11, 21 to 24 and 43.

  Scenario: WCP-10 Arbitrary Cycles
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-10-arbitrary-cycles
      version: '1.0.0'
    do:
      - a: { set: { n: '${ .n + 1 }' } }
      - b: { switch: [ { back: { when: '${ .n < 3 }', then: a } }, { side: { when: '${ .n == 3 }', then: c } }, { out: { then: d } } ] }
      - c: { set: { n: '${ .n + 10 }' }, then: b }
      - d: { set: { n: '${ .n }' } }
    """
    And given the workflow input is:
    """yaml
    { n: 0 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 13 }
    """
    And a should run 3 times
    And c should run 1 time

  Scenario: WCP-11 Implicit Termination
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-11-implicit-termination
      version: '1.0.0'
    do:
      - both: { fork: { branches: [ { a: { set: { n: 1 } } }, { b: { do: [ { nap: { wait: { milliseconds: 10 } } }, { c: { set: { n: 2 } } } ] } } ] } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 }, { n: 2 } ]
    """

  Scenario: WCP-21 Structured Loop
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-21-structured-loop
      version: '1.0.0'
    do:
      - begin: { set: { list: [1, 2, 3, 4], sum: 0 } }
      - loop: { for: { each: n, in: .list }, while: '${ .sum < 3 }', do: [ { add: { set: { list: '${ .list }', sum: '${ .sum + $n }' } } } ] }
      - out: { set: { sum: '${ .sum }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 3 }
    """
    And add should run 2 times

  Scenario: WCP-22 Recursion
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: factorial
      version: '1.0.0'
    do:
      - stop: { switch: [ { over: { when: '${ .n <= 1 }', then: base } }, { more: { then: smaller } } ] }
      - base: { set: { n: 1 }, then: end }
      - smaller: { run: { workflow: { namespace: kit, name: factorial, version: '1.0.0', input: { n: '${ .n - 1 }' } } }, output: { as: '${ { n: (.n * $workflow.input.n) } }' } }
    """
    And given the workflow input is:
    """yaml
    { n: 4 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 24 }
    """

  Scenario: WCP-23 Transient Trigger
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-23-transient-trigger
      version: '1.0.0'
    do:
      - busy: { listen: { to: { one: { with: { type: kit.ready } } } } }
      - hear: { listen: { to: { one: { with: { type: kit.trigger } } } } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.trigger, data: { n: 1 } }
    """
    When the event is published:
    """yaml
    { id: '2', source: 'https://kit.example', type: kit.ready, data: {} }
    """
    Then the workflow should wait
    When the event is published:
    """yaml
    { id: '3', source: 'https://kit.example', type: kit.trigger, data: { n: 2 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { n: 2 } ]
    """

  Scenario: WCP-24 Persistent Trigger
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-24-persistent-trigger
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - kept: { listen: { to: { one: { with: { type: kit.trigger } } } } }
              - work: { do: [ { nap: { wait: { milliseconds: 60 } } }, { done: { set: { done: true } } } ] }
      - react: { set: { heard: '${ .[0][0].n }' } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.trigger, data: { n: 7 } }
    """
    Then the workflow should complete with output:
    """yaml
    { heard: 7 }
    """

  Scenario: WCP-43 Explicit Termination
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-43-explicit-termination
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - long: { do: [ { nap: { wait: { hours: 1 } } }, { never: { set: { n: 1 } } } ] }
              - short: { do: [ { decide: { set: { over: true }, then: end } } ] }
      - after: { set: { n: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { over: true }
    """
    And after should not run
    And never should not run
