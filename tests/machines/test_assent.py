import pytest

from hookflash.machines.assent import assents

YES = """
yes
Yes.
Yep!
Yeah, go ahead!
Yup, send them over.
of course
Of course, put him through.
that's right
That\u2019s it.
That's what I said, yes.
I do
I am.
I will, thanks.
please do
Go ahead.
sounds good to me
Sounds great, put her through.
yes, thanks
Sure.
Sure, I have a minute.
Yes, ma'am.
Yeah, I can talk.
Okay.
Okay, put them through.
OK, connect us.
Alright, let's do it.
All right, send the caller through.
Fine by me.
I'm fine with that.
I'm ready.
I'll take it.
I can take the call.
Put them through, please.
Will do.
Happy to help.
Yes, right now is good.
Absolutely, patch them through right now.
You know what, yes.
Yes, if you like.
No problem.
no problem put them through
No problem, put them through.
No problem at all.
Not a problem.
I have no problem with that.
No worries, go ahead.
No objections.
Why not?
Sure, why not?
I don't see why not.
I don't mind.
I wouldn't mind.
I dont mind
Me? Sure.
Sorry, what was that? Yes, okay.
A refund? Yes, put them through.
Yes, I'd love to talk to them.
"""
NO = """
no
no thank you
No, no.
nope, that is wrong
not really
of course not
Absolutely not.
Not now.
Not right now, sorry.
I don't
I can't
I cannot
I cant right now
that is not right
No, who is it?
No. Why would I?
No, I'm fine, thanks.
No, I'm in a meeting.
Yes, but not now.
Okay, but not today.
Sure, but not now.
Yeah no, I can't.
Yeah, no.
Oh no, please don't put them through.
No wait.
I don't think so.
I haven't the time.
I'd rather not.
"""
NEITHER = """
I'm not sure
I do not know
I can't hear you.
Sorry, I didn't catch that.
I didn't get that.
maybe
Yes, maybe.
yes and no
yes or no
ahead of what?

Hello?
Yes?
Yes!?
Okay?
Yes? Who is this?
yes who is this
Yes, who's calling, please?
Right, what's the account number?
right what is the account number
Okay, but who is it?
okay but who is it
Okay, tell me who it is.
Sure, how long have they been waiting?
Yes, when did they call?
Sure, can you say that again?
sure can you say that again
Yes, is it urgent?
Can you put them through?
Can't you take it?
Okay, but I'm busy.
Okay, my name is Ann.
Right, Ann speaking.
Okay, send them over to Bob.
No worries, another time.
I see no problems but who is it
No worries, tomorrow.
I don't mind waiting.
Yes, later.
Yes, I'm in a meeting.
Okay, take a message.
Yes, hold on.
Okay, one second.
Sure, tell me more.
I do have a question.
No, that's fine.
No, go ahead.
I can't. Well, okay, yes.
I'm fine, thanks.
Great.
Mm-hmm.
Uh huh.
1
yes but first tell me about parking places nearby
"""


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (text, meaning)
        for answers, meaning in ((YES, True), (NO, False), (NEITHER, None))
        for text in answers.strip("\n").split("\n")
    ],
)
def test_an_answer_means_yes_or_no_or_neither(text: str, meaning: bool | None) -> None:
    assert assents(text) is meaning
