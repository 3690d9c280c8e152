Feature: Emit
  Events that a workflow makes.

  Scenario: An event has the attributes that were given
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-event-has-the-attributes-that-were-given
      version: '1.0.0'
    do:
      - tell:
          emit:
            event:
              with: { source: 'https://kit.example', type: kit.made, data: { n: '${ .n }' } }
    """
    And given the workflow input is:
    """yaml
    { n: 3 }
    """
    When the workflow is executed
    Then the workflow output should have a 'type' property with value:
    """yaml
    kit.made
    """
    And the workflow output should have a 'data' property with value:
    """yaml
    { n: 3 }
    """
    And the workflow output should have properties 'id', 'time', 'specversion'

  Scenario: An event reaches a workflow that listens
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: listener
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.told } } } } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-telling-workflow
      version: '1.0.0'
    do:
      - tell: { emit: { event: { with: { source: 'https://kit.example', type: kit.told, data: { n: 5 } } } } }
    """
    When the workflow 'listener' is executed
    When the workflow 'a-telling-workflow' is executed
    Then the workflow 'listener' should complete with output:
    """yaml
    [ { n: 5 } ]
    """
