Feature: Fork
  Branches side by side.

  Scenario: All branches are joined, in the order of the document
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: all-branches-are-joined-in-the-order-of-the-docume
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - left: { set: { is: left } }
              - right: { set: { is: right } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { is: left }, { is: right } ]
    """

  Scenario: Each branch gets the input of the fork
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: each-branch-gets-the-input-of-the-fork
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - left: { set: { n: '${ .n + 1 }' } }
              - right: { set: { n: '${ .n + 2 }' } }
    """
    And given the workflow input is:
    """yaml
    { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { n: 2 }, { n: 3 } ]
    """

  Scenario: A slow branch keeps its place
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-slow-branch-keeps-its-place
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - slow: { do: [ { rest: { wait: { milliseconds: 30 } } }, { say: { set: { is: slow } } } ] }
              - fast: { set: { is: fast } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { is: slow }, { is: fast } ]
    """

  Scenario: Of branches that compete the first that ends wins
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: of-branches-that-compete-the-first-that-ends-wins
      version: '1.0.0'
    do:
      - race:
          fork:
            compete: true
            branches:
              - slow: { do: [ { rest: { wait: { seconds: 30 } } }, { late: { set: { is: slow } } } ] }
              - fast: { do: [ { nap: { wait: { milliseconds: 5 } } }, { soon: { set: { is: fast } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { is: fast }
    """
    And late should not run

  Scenario: A branch that faults faults the fork
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-branch-that-faults-faults-the-fork
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - good: { set: { is: good } }
              - bad: { raise: { error: { type: 'https://kit.example/bad', status: 418, title: bad } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://kit.example/bad
    status: 418
    """

  Scenario: Forks nest
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: forks-nest
      version: '1.0.0'
    do:
      - outer:
          fork:
            branches:
              - a: { fork: { branches: [ { a1: { set: { n: 1 } } }, { a2: { set: { n: 2 } } } ] } }
              - b: { set: { n: 3 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ [ { n: 1 }, { n: 2 } ], { n: 3 } ]
    """

  Scenario: A fork of one branch
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-fork-of-one-branch
      version: '1.0.0'
    do:
      - one: { fork: { branches: [ { only: { set: { n: 1 } } } ] } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 } ]
    """

  Scenario: A branch may call while another waits
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-branch-may-call-while-another-waits
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - ask: { call: http, with: { method: get, endpoint: 'http://kit.example/a' } }
              - nap: { do: [ { rest: { wait: { milliseconds: 10 } } }, { say: { set: { rested: true } } } ] }
    """
    And given 'GET http://kit.example/a' answers:
    """yaml
    body: { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { n: 1 }, { rested: true } ]
    """
