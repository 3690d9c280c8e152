Feature: Functions
  Calls given a name in `use`.

  Scenario: A function is called by its name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-function-is-called-by-its-name
      version: '1.0.0'
    use:
      functions:
        price: { call: http, with: { method: get, endpoint: 'http://kit.example/price' } }
    do:
      - ask: { call: price }
    """
    And given 'GET http://kit.example/price' answers:
    """yaml
    body: { cents: 90 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { cents: 90 }
    """

  Scenario: A function gets the arguments of its call
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-function-gets-the-arguments-of-its-call
      version: '1.0.0'
    use:
      functions:
        double: { set: { n: '${ .n * 2 }' } }
    do:
      - ask: { call: double, with: { n: '${ .v }' } }
    """
    And given the workflow input is:
    """yaml
    { v: 5 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 10 }
    """

  Scenario: A function that nobody has defined is refused
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-function-that-nobody-has-defined-is-refused
      version: '1.0.0'
    do:
      - ask: { call: nobody }
    """
    Then the workflow should be refused
