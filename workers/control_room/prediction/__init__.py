"""What will become of open cases: their remaining time and the risk that a due time runs out, learned from the log.

A process of its own (`fairlead readmodel predict run`): neither the follower nor the pages load what is needed here.

    serving    the process: predicts, asks the table of attention, tells people, has a model trained now and then
    child      one training in a process below it
    contest    read, train, hold against what is in use, keep or leave
    training   rows of three slices of time → a model; judging: how good it is, beside the rule
    model      what was trained, as it is stored and used
    features   what a model may know of a task at a moment; history: the tasks it is known from
    scoring    predictions of everything that is open
    attention  the table dmn/attention_rules.dmn, asked for each case; telling: mails by what it answered
"""
