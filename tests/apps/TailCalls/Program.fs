namespace TailCalls

open System.Runtime.CompilerServices
open Protocol

/// Recursion that has no depth only as long as each call marked tail. replaces its caller's frame.
module Mutual =
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let rec isEven (n: int) : bool = if n = 0 then true else isOdd (n - 1)

    and [<MethodImpl(MethodImplOptions.NoInlining)>] isOdd (n: int) : bool = if n = 0 then false else isEven (n - 1)

    /// More arguments than its caller has: they do not fit where the caller's came in.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let rec narrow (n: int) (sum: int64) : int64 =
        if n = 0 then sum else wide (n - 1) (sum + 1L) 1L 2L 3L 4L 5L 6L 7L

    and [<MethodImpl(MethodImplOptions.NoInlining)>] wide (n: int) (sum: int64) a b c d e f g : int64 =
        if n = 0 then sum + a + b + c + d + e + f + g else narrow (n - 1) sum

    /// A state machine of functions, as parsers are written.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let rec letters (text: string) (at: int) (count: int) : int =
        if at = text.Length then count
        elif text[at] = ' ' then blanks text (at + 1) count
        else letters text (at + 1) count

    and [<MethodImpl(MethodImplOptions.NoInlining)>] blanks (text: string) (at: int) (count: int) : int =
        if at = text.Length then count
        elif text[at] = ' ' then blanks text (at + 1) count
        else letters text (at + 1) (count + 1)

    /// Continuations: every call of k is a tail call through a closure.
    let rec sumWith (n: int) (k: int64 -> int64) : int64 =
        if n = 0 then k 0L else sumWith (n - 1) (fun rest -> k (rest + int64 n))

    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let rec generic<'T> (n: int) (value: 'T) : 'T = if n = 0 then value else genericBack (n - 1) value

    and [<MethodImpl(MethodImplOptions.NoInlining)>] genericBack<'T> (n: int) (value: 'T) : 'T = if n = 0 then value else generic (n - 1) value

    /// The last of the calls throws.
    [<MethodImpl(MethodImplOptions.NoInlining)>]
    let rec failAt (n: int) (message: string) : int = if n = 0 then failwith message else failOn (n - 1) message

    and [<MethodImpl(MethodImplOptions.NoInlining)>] failOn (n: int) (message: string) : int = if n = 0 then failwith message else failAt (n - 1) message

module Program =
    let private million = 1_000_000

    let private register (scenarios: Scenarios) =
        let add name run (calls: Calls list) = scenarios.Add(name, System.Func<Words, obj>(run), List.toArray calls)
        let half = int64 million / 2L
        add "Mutual.isEven" (fun _ -> box (Mutual.isEven million)) [ Calls("Mutual.isEven", half); Calls("Mutual.isOdd", half) ]
        add "Mutual.narrow" (fun _ -> box (Mutual.narrow million 0L)) [ Calls("Mutual.narrow", half); Calls("Mutual.wide", half) ]
        add "Mutual.letters" (fun _ -> box (Mutual.letters (String.replicate 100_000 "ab cd  ") 0 1)) []
        add "Mutual.sumWith" (fun _ -> box (Mutual.sumWith million id)) [ Calls("Mutual.sumWith", int64 million) ]
        add "Mutual.generic" (fun _ -> box (Mutual.generic million "value")) [ Calls("Mutual.generic", half); Calls("Mutual.genericBack", half) ]
        add "Mutual.failAt" (fun _ -> box (Mutual.failAt million "deep down")) [ Calls("Mutual.failAt", half); Calls("Mutual.failOn", half) ]

    [<EntryPoint>]
    let main _ =
        let scenarios = Scenarios("TailCalls.")
        register scenarios
        Conversation(scenarios).Run()
