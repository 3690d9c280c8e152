Feature: Switch
  The first case that holds says where to go on.

  Scenario Outline: An order of kind <kind> goes to <task>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-order-of-kind-x-goes-to-x
      version: '1.0.0'
    do:
      - choose:
          switch:
            - electronic: { when: '${ .kind == "electronic" }', then: electronic }
            - physical: { when: '${ .kind == "physical" }', then: physical }
            - other: { then: other }
      - electronic: { set: { by: wire }, then: exit }
      - physical: { set: { by: truck }, then: exit }
      - other: { set: { by: hand } }
    """
    And given the workflow input is:
    """yaml
    { kind: <kind> }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { by: <by> }
    """

    Examples:
      | kind       | task       | by    |
      | electronic | electronic | wire  |
      | physical   | physical   | truck |
      | stone      | other      | hand  |

  Scenario: The first of two cases that hold is taken
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-first-of-two-cases-that-hold-is-taken
      version: '1.0.0'
    do:
      - choose:
          switch:
            - one: { when: '${ .n > 0 }', then: first }
            - two: { when: '${ .n > 1 }', then: second }
      - second: { set: { is: second }, then: end }
      - first: { set: { is: first } }
    """
    And given the workflow input is:
    """yaml
    { n: 5 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { is: first }
    """

  Scenario: Where no case holds the next task follows
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: where-no-case-holds-the-next-task-follows
      version: '1.0.0'
    do:
      - choose:
          switch:
            - one: { when: '${ false }', then: never }
      - next: { set: { is: next }, then: end }
      - never: { set: { is: never } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { is: next }
    """

  Scenario: A switch hands its input on
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-switch-hands-its-input-on
      version: '1.0.0'
    do:
      - choose:
          switch:
            - all: { then: next }
      - next: { set: { n: '${ .n + 1 }' } }
    """
    And given the workflow input is:
    """yaml
    { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """

  Scenario Outline: A case may end the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-case-may-end-the-workflow
      version: '1.0.0'
    do:
      - choose:
          switch:
            - stop: { when: '${ .stop }', then: end }
      - next: { set: { went: on } }
    """
    And given the workflow input is:
    """yaml
    { stop: <stop> }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    <output>
    """

    Examples:
      | stop  | output         |
      | true  | { stop: true } |
      | false | { went: on }   |
