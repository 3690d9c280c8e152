Feature: Basic control flow
  Patterns 1 to 5 of Russell, ter Hofstede, van der Aalst and Mulyar, 2006.

  Scenario: WCP-1 Sequence
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-1-sequence
      version: '1.0.0'
    do:
      - a: { set: { n: 1 } }
      - b: { set: { n: '${ .n + 1 }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """
    And b should run after a

  Scenario: WCP-2 Parallel Split
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-2-parallel-split
      version: '1.0.0'
    do:
      - split: { fork: { branches: [ { a: { call: http, with: { method: post, endpoint: 'http://kit.example/a' } } }, { b: { call: http, with: { method: post, endpoint: 'http://kit.example/b' } } } ] } }
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
    And 'POST http://kit.example/a' should have been called 1 time
    And 'POST http://kit.example/b' should have been called 1 time

  Scenario: WCP-3 Synchronization
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-3-synchronization
      version: '1.0.0'
    do:
      - split: { fork: { branches: [ { a: { do: [ { nap: { wait: { milliseconds: 20 } } }, { slow: { set: { n: 1 } } } ] } }, { b: { set: { n: 2 } } } ] } }
      - joined: { set: { sum: '${ map(.n) | add }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { sum: 3 }
    """
    And joined should run last
    And joined should run 1 time

  Scenario Outline: WCP-4 Exclusive Choice
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-4-exclusive-choice
      version: '1.0.0'
    do:
      - choose: { switch: [ { big: { when: '${ .n > 10 }', then: large } }, { other: { then: small } } ] }
      - large: { set: { is: large }, then: end }
      - small: { set: { is: small }, then: end }
    """
    And given the workflow input is:
    """yaml
    { n: <n> }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { is: <is> }
    """

    Examples:
      | n  | is    |
      | 20 | large |
      | 5  | small |

  Scenario Outline: WCP-5 Simple Merge
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-5-simple-merge
      version: '1.0.0'
    do:
      - choose: { switch: [ { big: { when: '${ .n > 10 }', then: large } }, { other: { then: small } } ] }
      - large: { set: { is: large }, then: merged }
      - small: { set: { is: small }, then: merged }
      - merged: { set: { was: '${ .is }' } }
    """
    And given the workflow input is:
    """yaml
    { n: <n> }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { was: <is> }
    """
    And merged should run 1 time

    Examples:
      | n  | is    |
      | 20 | large |
      | 5  | small |
