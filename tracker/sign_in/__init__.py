"""How staff sign in: the password and how often it may be tried, the second factor, how long a sign-in lasts, and the
way back when something is lost. docs/decisions/0015-sign-in.md has the reasons.

    names, journal        what stands for a typed name; the one line in the log
    known_browsers        a browser that has signed in to this account before
    throttle              a name and a password, and how often they may be tried
    accounts              the account of a session, read with one query
    second_factor         an app for codes, recovery codes
    sessions              from the sign-in to its end; half signed in between password and code
    typed                 what was sent after the end
    forms, views          the pages
"""
