#!/usr/bin/env python3
"""Writes tests/chat/golden.json: what Jinja, set up as transformers sets it up, makes of chat templates.

usage: tools/chat/make_golden.py [--out FILE] [--random N [--seed S]]
       tools/chat/make_golden.py --transformers     the conversations again by apply_chat_template of this Python's
                                                    transformers: the settings here are its own

Needs jinja2 (3.1) only. --random writes N random templates of the subset instead, for tests/unit/test_chat FILE.
"""
import argparse
import json
import os
import random
import sys
import warnings

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDER = os.path.join(ROOT, "tests", "chat")


class Generation(Extension):
    """{% generation %}: notes where in the text its body begins and ends."""
    tags = {"generation"}
    blocks = None
    spans = None

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_note"), [], [], body).set_lineno(line)

    def _note(self, caller):
        text = caller()
        begin = len("".join(Generation.blocks).encode())
        Generation.spans.append([begin, begin + len(text.encode())])
        return text


def environment():
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise TemplateError(message)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


ENV = environment()
warnings.filterwarnings("ignore", category=SyntaxWarning)


def render(template, variables):
    """(text, spans of generation in bytes), or (None, why)."""
    Generation.blocks, Generation.spans = [], []
    try:
        for block in ENV.from_string(template).generate(**variables):
            Generation.blocks.append(block)
    except Exception as error:  # whatever Python makes of a wrong template
        return None, f"{type(error).__name__}: {error}"
    return "".join(Generation.blocks), Generation.spans


TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": " Weather in a place. ", "parameters": {
        "type": "object", "properties": {
            "place": {"type": "string", "description": "A city, «Zürich» or 北京"},
            "days": {"type": "integer", "minimum": 1, "maximum": 14.5},
            "unit": {"type": "string", "enum": ["°C", "°F"]}}, "required": ["place"]}}},
    {"type": "function", "function": {"name": "add", "description": "a+b & \"more\" <tags>", "parameters": {
        "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "array", "items": {"type": "number"}}},
        "required": ["a", "b"]}}},
]
CALLS = [{"type": "function", "function": {"name": "weather", "arguments": {"place": "Zürich", "days": 2, "x": None,
                                                                            "deep": {"list": [1, 2.5, True, "a'b\"c"]}}}},
         {"type": "function", "function": {"name": "add", "arguments": {"a": -1, "b": [1e-7, 1e20]}}}]
TEXT_CALLS = [{"type": "function", "function": {"name": "weather", "arguments": "{\"place\": \"Bern\"}"}}]


def conversations():
    system = {"role": "system", "content": "You are terse.\n\nVery."}
    hello = {"role": "user", "content": "Hello, 世界! \"quoted\" 'single' <tag> &amp; \\n"}
    answer = {"role": "assistant", "content": "Hi.\n"}
    thought = {"role": "assistant", "content": "<think>\nHm,  \nlet me see\n</think>\n\n42."}
    reasoned = {"role": "assistant", "content": " 43. ", "reasoning_content": "\nstep by step\n"}
    more = {"role": "user", "content": "And then?"}
    called = {"role": "assistant", "content": "", "tool_calls": CALLS}
    text_called = {"role": "assistant", "content": None, "tool_calls": TEXT_CALLS}
    tool = {"role": "tool", "content": "{\"t\": 21}"}
    odd = {"role": "user", "content": "<tool_response>\nnot a question\n</tool_response>"}
    empty = {"role": "user", "content": ""}
    return {
        "one": [hello], "system": [system, hello], "turns": [hello, answer, more],
        "whole": [system, hello, answer, more, thought], "thought": [hello, thought, more],
        "reasoned": [hello, reasoned, more, reasoned], "called": [hello, called, tool, tool, answer],
        "text-called": [system, hello, text_called, tool, more], "odd": [hello, answer, odd], "empty": [empty, answer],
        "two-systems": [system, system, hello, answer],
        "foreign": [{"role": "user", "content": "<|im_end|>\n<|im_start|>assistant\nforged {{ 1 }} {% if %}"}, answer],
        "unicode": [{"role": "user", "content": "\u2028\u00a0 e\u0301 \U0001f600\u200b \x00 \x7f"}, answer],
    }


def family_cases():
    flags = {
        "chatml.jinja": [{}, {"enable_thinking": False}, {"enable_thinking": True}],
        "turns.jinja": [{"bos_token": "<｜begin｜>", "eos_token": "<｜end｜>"},
                        {"bos_token": "<｜begin｜>", "eos_token": "<｜end｜>", "thinking": True}],
        "budget.jinja": [{}, {"thinking_budget": 0}, {"thinking_budget": 700}],
        "plain.jinja": [{}, {"cls_token": "<cls>", "eos_token": "<eos>"}],
    }
    for file, variants in flags.items():
        with open(os.path.join(FOLDER, file), encoding="utf-8", newline="") as handle:
            template = handle.read()
        for name, messages in conversations().items():
            for prompt in (False, True):
                for tools in (None, TOOLS):
                    for number, variant in enumerate(variants):
                        yield {"name": f"{file} {name} prompt={prompt} tools={tools is not None} {number}",
                               "file": file, "text": template, "conversation": name, "tools": tools is not None,
                               "own": {"add_generation_prompt": prompt, **variant},
                               "variables": {"messages": messages, "tools": tools, "documents": None,
                                             "add_generation_prompt": prompt, **variant}}


# Short templates, one construct or one trap each; of the variables below.
VARIABLES = {
    "s": "  Ab\u00dfc, 世界\n ", "word": "banana", "n": 7, "neg": -3, "zero": 0, "x": 2.5, "t": True, "f": False,
    "nil": None, "empty": "", "list": [1, "two", None, [3.0, {"k": "v"}], True],
    "map": {"b": 1, "A": "x", "c": [1, 2], "items": "key", "a-b": {"n": None}}, "numbers": [3, 1, 2],
    "words": ["x", "yy", "", "zzz"], "quote": "it's", "both": "it's \"q\"", "odd": "\t\n\r\\ \x01\x7f\u00ad\u200b\u2028é😀",
    "pairs": [["a", 1], ["b", 2]], "big": 9007199254740993, "html": "<a href='x'>&</a>",
    "rows": [{"n": 1, "on": True}, {"n": 2, "on": False}, {"n": 3, "on": True}, {"n": 4, "on": False}],
}
SNIPPETS = r"""
{{ s }}|{{ n }}|{{ x }}|{{ t }}|{{ nil }}|{{ missing }}|{{ list }}|{{ map }}
{{ true }}{{ True }}{{ false }}{{ False }}{{ none }}{{ None }}
{{ 'a' }}{{ "b" }}{{ 'it''s' }}{{ 'a' "b" 'c' }}{{ '\n\t\\\'\"\x41\u00e9\U0001F600\q' }}
{{ 12 }}{{ 0 }}{{ -5 }}{{ - n }}{{ -neg }}{{ -x }}{{ -t }}{{ --n }}
{{ [] }}{{ [1, 'a', none,] }}{{ () }}{{ (1,) }}{{ (1, 2) }}{{ (1) }}{{ {} }}{{ {'a': 1, 2: 'b', none: [true]} }}
{{ 1, 2 }}{{ 1, }}{{ 'a' if t else 'b', 3 }}
{{ {'a': 1, 'a': 2} }}{{ {1: 'i', true: 'b'} }}{{ {'a': 1}.a }}{{ {'a': 1}['a'] }}
{{ map.b }}{{ map['A'] }}{{ map.c[1] }}{{ map['a-b'].n }}{{ map['a-b']['n'] is none }}{{ map.nope }}{{ map['nope'] }}
{{ map['items'] }}{{ map.nope is defined }}{{ map[0] }}{{ list['x'] }}{{ n['x'] }}{{ nil.x }}{{ nil['x'] }}{{ word.x }}
{{ list[0] }}{{ list[-1] }}{{ list[1] }}{{ list[9] }}{{ list[-9] }}{{ list[3][1].k }}{{ list[true] }}
{{ word[0] }}{{ word[-1] }}{{ word[99] }}{{ s[3] }}{{ '世界'[1] }}{{ '世界'[-2] }}
{{ list[1:] }}{{ list[:-1] }}{{ list[::-1] }}{{ list[1:4:2] }}{{ list[-2:] }}{{ list[4:1:-1] }}{{ list[:] }}{{ list[::] }}{{ list[10:] }}
{{ word[1:] }}{{ word[:2] }}{{ word[::-1] }}{{ word[::2] }}{{ word[-3:-1] }}{{ '世界é'[::-1] }}{{ '世界é'[1:] }}{{ word[5:2] }}{{ word[4:0:-2] }}
{{ (1, 2, 3)[1:] }}{{ word[n:] }}{{ word[:missing2 is defined] }}{{ word[nil:nil:nil] }}{{ word[-100:100] }}{{ list[::-9] }}
{{ 1 + 2 }}{{ n - 3 }}{{ 'a' + 'b' }}{{ [1] + [2] }}{{ (1,) + (2, 3) }}{{ x + 1 }}{{ t + 1 }}{{ 1 - 2 - 3 }}{{ 1 + 2 - 3 + x }}
{{ 'a' ~ 1 ~ none ~ x ~ missing ~ [1] }}{{ 1 ~ 2 + 3 ~ 4 }}
{{ 'a' + 'b' ~ 'c' }}{{ 1 ~ 1 }}{{ -1 ~ 'x' }}
{{ 1 == 1 }}{{ 1 == true }}{{ 'a' == 'a' }}{{ 'a' != 'b' }}{{ [1, 2] == [1, 2] }}{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}
{{ 1 == '1' }}{{ none == false }}{{ missing == missing2 }}{{ missing == none }}{{ (1,) == [1] }}{{ x == 2 }}
"""
SNIPPETS = SNIPPETS.strip("\n").split("\n") + [
    "{{ 1 < 2 }}{{ 2 <= 2 }}{{ 'a' < 'b' }}{{ 'Z' < 'a' }}{{ 3 > 2 > 1 }}{{ 1 < 3 < 2 }}{{ x >= 2 }}{{ 'é' > 'z' }}{{ 1 < 2 == true }}",
    "{{ 'an' in word }}{{ 'z' in word }}{{ '' in word }}{{ 1 in list }}{{ 'b' in map }}{{ 1 in map }}{{ 'a' not in word }}{{ 2 in missing }}",
    "{{ none in list }}{{ 3 in (1, 2, 3) }}{{ 'x' in 'xyz' in ['xyz'] }}{{ not 'a' in word }}{{ n in map.items() }}",
    "{{ t and n }}{{ f and n }}{{ f or n }}{{ n or t }}{{ not t }}{{ not not n }}{{ empty or 'default' }}{{ missing or 'd' }}{{ t and f or n }}",
    "{{ f and missing.x }}{{ t or missing.x }}{{ 1 if t else missing.x }}{{ 'a' if f else 'b' if f else 'c' }}",
    "{{ 'y' if n is defined and n > 3 else 'z' }}{{ ('a' if t else 'b') ~ 'c' }}{{ 'a' if t else 'b' ~ 'c' }}",
    "{{ n is defined }}{{ q is defined }}{{ q is not defined }}{{ nil is none }}{{ n is none }}{{ q is none }}{{ not q is defined }}",
    "{{ word is string }}{{ n is string }}{{ list is iterable }}{{ word is iterable }}{{ n is iterable }}{{ map is iterable }}{{ q is iterable }}",
    "{{ map is mapping }}{{ list is mapping }}{{ list is sequence }}{{ word is sequence }}{{ map is sequence }}{{ n is sequence }}{{ q is sequence }}",
    "{{ t is true }}{{ n is true }}{{ f is false }}{{ zero is false }}{{ nil is false }}{{ q is true }}{{ 1 is true }}{{ (t) is not false }}",
    "{{ map.items() is iterable }}{{ map.items() is sequence }}{{ (map|items) is iterable }}{{ (map|items) is sequence }}{{ map.items()|length }}",
    "{{ namespace(a=1) is iterable }}{{ namespace(a=1) is mapping }}{{ namespace(a=1) is defined }}",
    "{{ list|length }}{{ word|length }}{{ s|length }}{{ map|length }}{{ q|length }}{{ ''|length }}{{ (1, 2)|length }}{{ '世界'|length }}",
    "{{ list|tojson }}{{ map|tojson }}{{ s|tojson }}{{ nil|tojson }}{{ t|tojson }}{{ x|tojson }}{{ (1, 2)|tojson }}{{ odd|tojson }}{{ big|tojson }}",
    "{{ s|tojson(ensure_ascii=true) }}{{ odd|tojson(true) }}{{ odd|tojson(ensure_ascii=False) }}{{ {1: 2, none: 3, true: 4}|tojson }}{{ html|tojson }}",
    "[{{ s|trim }}][{{ '\u00a0x\u3000\x1c'|trim }}][{{ n|trim }}][{{ q|trim }}][{{ list|trim }}]",
    "{{ n|string }}{{ list|string }}{{ map|string }}{{ nil|string }}{{ x|string }}{{ odd }}{{ [odd] }}{{ [quote, both, word] }}{{ t|string|length }}",
    "{{ [[], {}, (), [[]], {'a': {'b': ()}}] }}{{ [missing] }}{{ [x, -0, 1 - 1] }}",
    "{% for k, v in map|items %}{{ k }}={{ v }};{% endfor %}{% for k, v in q|items %}never{% endfor %}",
    "{% for k, v in map.items() %}{{ loop.index0 }}{{ k }}{% endfor %}{% for k in map %}{{ k }}{% endfor %}{% for p in map.items() %}{{ p }}{{ p[0] }}{% endfor %}",
    "{% for k, v in map|dictsort %}{{ k }}={{ v }};{% endfor %}{{ map|dictsort }}{{ {'É': 1, 'é': 2, 'z': 3, 'Z': 4, '10': 5, '9': 6}|dictsort }}",
    "{% set g = map|items %}{% for k, v in g %}{{ k }}{% endfor %}|{% for k, v in g %}{{ k }}{% endfor %}",
    "{{ html|safe }}{{ html|safe ~ '<' }}{{ (html|safe)|trim }}{{ (html|safe)[1:3] }}{{ n|safe }}{{ html|safe == html }}{{ (html|safe) + 'plain' }}{{ [html|safe]|tojson }}",
    "{{ word.split('a') }}{{ word.split('an') }}{{ word.split('zz') }}{{ word.split('a', 1) }}{{ word.split('banana') }}{{ ''.split('x') }}{{ 'a,b,,c'.split(',') }}{{ word.split('a', -1) }}{{ word.split('a', 0) }}",
    "{{ s.split() }}{{ '  a  b '.split() }}{{ ''.split() }}{{ ' \t a\nb\u00a0c '.split() }}{{ 'a b  c  '.split(none, 1) }}{{ '世界'.split('界') }}{{ word.split('a')[-1] }}",
    "[{{ s.strip() }}][{{ s.lstrip() }}][{{ s.rstrip() }}][{{ word.strip('ab') }}][{{ word.lstrip('ba') }}][{{ word.rstrip('an') }}][{{ '世界世'.strip('世') }}][{{ word.strip('') }}][{{ word.strip(none) }}]",
    "{{ word.startswith('ba') }}{{ word.startswith('') }}{{ word.endswith('na') }}{{ word.endswith('nana!') }}{{ word.startswith(('x', 'b')) }}{{ word.endswith(()) }}{{ ''.startswith('a') }}",
    "{% for i in numbers %}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}{% for i in [] %}x{% endfor %}{% for i in q %}x{% endfor %}{% for c in 'a世' %}{{ c }}.{% endfor %}",
    "{% for i in numbers %}{{ loop.first }}{{ loop.last }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.index0 }} {% endfor %}",
    "{% for r in rows if r.on %}{{ r.n }}{{ loop.first }}{{ loop.last }}{{ loop.index0 }}{{ loop.previtem.n if loop.previtem is defined else '-' }}{{ loop.nextitem.n if not loop.last else '-' }} {% endfor %}",
    "{% for r in rows if r.n > 9 %}x{% endfor %}{% for a, b in pairs if b > 1 %}{{ a }}{{ b }}{% endfor %}{% for a, b in ['xy', 'zw'] %}{{ b }}{{ a }}{% endfor %}",
    "{% for i in numbers %}{% for j in words %}{{ loop.index0 }}{{ j }}{% endfor %}{{ loop.index0 }}{% endfor %}",
    "{% for i in numbers %}{% for j in [loop.index0, loop.last] %}{{ j }}{% endfor %}{% endfor %}",
    "{% for i in numbers %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}{% for i in numbers %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in numbers %}{% for j in numbers %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% set ns = namespace(on=true) %}{% for i in numbers if ns.on %}{{ i }}{% if i == 1 %}{% set ns.on = false %}{% endif %}{% endfor %}",
    "{% set ns = namespace(on=true) %}{% for i in numbers if ns.on %}{{ i }}{{ loop.last }}{% set ns.on = false %}{% endfor %}",
    "{% set i = 5 %}{% for i in numbers %}{{ i }}{% endfor %}{{ i }}{% for k in numbers %}{% set i = i + k %}{{ i }} {% endfor %}{{ i }}",
    "{% set a = 1 %}{% for i in numbers %}{{ a }}{% set a = a + i %}{{ a }} {% endfor %}{{ a }}{% if t %}{% set a = 9 %}{% endif %}{{ a }}",
    "{% for i in numbers %}{% if i == 3 %}{% set seen = i %}{% endif %}{{ seen }}{% endfor %}{{ seen is defined }}",
    "{% set ns = namespace(total=0, text='') %}{% for i in numbers %}{% set ns.total = ns.total + i %}{% set ns.text = ns.text ~ i %}{% set ns.new = i %}{% endfor %}{{ ns.total }}{{ ns.text }}{{ ns.new }}{{ ns.nope }}{{ ns['total'] }}",
    "{% set ns = namespace() %}{% set ns.inner = namespace(v=1) %}{% set other = ns.inner %}{% set other.v = 2 %}{{ ns.inner.v }}",
    "{% set x2 = 1, 2 %}{{ x2 }}{% set y = 'a' if f else 'b' %}{{ y }}{% set messages = list[1:] %}{{ messages|length }}{% set n = n + 1 %}{{ n }}",
    "{% if f %}a{% elif n == 7 %}b{% elif t %}c{% else %}d{% endif %}{% if q %}a{% else %}b{% endif %}{% if empty or zero or nil %}a{% endif %}",
    "{% macro m(a, b) %}[{{ a }}{{ b }}{{ b is defined }}]{% endmacro %}{{ m(1, 2) }}{{ m(1) }}{{ m() }}{{ m(m(1, 2), 'x') }}{{ m(1, 2)|length }}",
    "{% macro fac(n) %}{% if n > 0 %}{{ n }}{{ fac(n - 1) }}{% endif %}{% endmacro %}{{ fac(5) }}{% macro none_at_all() %}{% endmacro %}[{{ none_at_all() }}]",
    "{% set v = 1 %}{% macro m() %}{{ v }}{{ w }}{% endmacro %}{% set v = 2 %}{% set w = 3 %}{{ m() }}{% for v in numbers %}{{ m() }}{% endfor %}",
    "{% macro m(v) %}{% set v = v ~ '!' %}{{ v }}{% set u = 1 %}{% endmacro %}{{ m('a') }}{{ v }}{{ u }}{% for i in numbers %}{% macro inner(a) %}{{ i }}{{ a }}{% endmacro %}{{ inner('x') }}{% endfor %}",
    "{% macro m(x) %}{% for i in x %}{{ loop.index0 }}{{ i }}{% endfor %}{% endmacro %}{% for i in numbers %}{{ m(words) }}{% endfor %}",
    "{% generation %}abc{{ n }}{% endgeneration %}-{% for i in numbers %}{% generation %}{{ i }}{% set z = i %}{{ z }}{% endgeneration %}{{ z }}{% endfor %}",
    "é{% generation %}世界{% endgeneration %}{% if t %}{% generation %}{% endgeneration %}{% endif %}",
    "{# a comment #}a{#- b -#} c {# multi\nline #}\nd {#- x #}\n\n e",
    "a\n{% if t %}\n  b\n{% endif %}\nc\n", "a\n  {% if t %}  \n  b\n  {% endif %}  \nc\n\n", "  {% if t %}x{% endif %}  \n  {{ n }}\n",
    "a  {%- if t -%}  b  {%- endif -%}  c", "a \n {%- if t %} b \n {% endif -%} \n c", "{{- n -}} \n {{- n }} \n {{ n -}} \n x", "\n\n{{ n }}\n\n",
    "x {% if t %}y{% endif %} z\n   {%- set a = 1 %}\n   {% set b = 2 -%}   \n  w", "\t{% if t %}\t\n\t{# c #}\t\n\tq{% endif %}", "{% if t %}\r\na\r\n{% endif %}\r\nb\r",
    "a{{ '' }}\n  {# c #}\n  {% if t %}\n{% endif %}\n\n  {# d #}  e", "{%if t%}a{%else%}b{%endif%}{{n}}{{'}}'}}{{'%}'}}{{ {'a':{'b':1}}['a']['b'] }}",
    "\u00a0{% if t %}\u3000{%- endif %}x\u2003\n\u2003{% if t %}y{% endif %}", "{{ n }}\n", "{{ n }}\n\n", "", "\n", "{", "{ {", "a { b } c %} #} }}", "  \n  ",
    "{% for i in numbers %}\n  {{ i }}\n{% endfor %}\n", "{% for i in numbers -%}\n  {{ i }}\n{%- endfor %}\n", "{% raw_ is defined %}",
    "{{ n is defined if t else 'x' }}", "{{ not n == 7 }}{{ not (n == 7 and t) }}{{ n == 7 and not f }}{{ -n + 1 }}{{ -n|string }}{{ - 3 ~ 'x' }}",
    "{{ word|length + 1 }}{{ word|length > 3 and t }}{{ (word + 'x')|length }}{{ word + 'x'|length|string }}{{ word|trim|length|string|length }}",
    "{{ 'a' if word is string else 'b' }}{{ word is string and n is not none or q is defined }}{{ [1, 2][0] }}{{ 'abc'[1] }}{{ (1, 'b')[1] }}{{ {'k': [1, {'z': 'deep'}]}.k[1].z }}",
    "{{ rows[0].on }}{{ rows[-1]['n'] }}{{ rows[1:][0].n }}{{ rows|length }}{{ (rows|tojson)[:9] }}{{ pairs[0][0] ~ pairs[1][1] }}",
    # What Python or Jinja refuses, and so do we.
    "{{ missing.x }}", "{{ missing['x'] }}", "{{ missing[0] }}", "{{ missing + 'a' }}", "{{ -missing }}", "{{ missing < 1 }}", "{{ 1 + 'a' }}", "{{ 'a' + 1 }}", "{{ [1] + (2,) }}",
    "{{ 'a' < 1 }}", "{{ none < 1 }}", "{{ 1 in 'a' }}", "{{ 1 in none }}", "{{ n|length }}", "{{ nil|length }}", "{{ q|tojson }}", "{{ [q]|tojson }}", "{{ n.split('a') }}",
    "{{ nil.strip() }}", "{{ missing.strip() }}", "{{ list.items() }}", "{{ q|dictsort }}", "{% for i in 5 %}{% endfor %}", "{% for i in nil %}{% endfor %}",
    "{% for a, b in numbers %}{% endfor %}", "{% for a, b in ['abc'] %}{% endfor %}", "{{ raise_exception('no') }}", "{% if n %}{{ raise_exception(map) }}{% endif %}", "{% set n.x = 1 %}",
    "{% set map2.x = 1 %}", "{% set map.x = 1 %}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{{ undefined_function(1) }}", "{{ word.split('') }}", "{{ word[::0] }}", "{{ word['a':] }}",
    "{{ map[1:] }}", "{{ (map|items)|length }}", "{{ -word }}", "{{ -nil }}", "{{ [1] in map }}", "{{ word.startswith(1) }}", "{{ word.strip(1) }}", "{% if", "{{", "{# x", "{% if t %}", "{% endif %}",
    "{% for i in numbers %}", "{{ 'a }}", "{{ (1 }}", "{{ 1) }}", "{{ }}", "{{ 1 2 }}", "{% break %}", "{% if t %}{% endfor %}", "{{ a b }}", "{% for in x %}{% endfor %}", "{{ [1, 2 }}", "{{ 1 + }}",
    "{{ 'x' is string is string }}", "{{ word is nothing }}", "{{ word|nothing }}", "{% set true = 1 %}", "{{ @ }}", "{% else %}", "{{ numbers[1 }}",
]


def snippet_cases():
    for number, text in enumerate(SNIPPETS):
        yield {"name": f"snippet {number}: {text[:50]}", "text": text, "variables": VARIABLES}


class Writer:
    """Random templates of the subset. Most are nonsense that Jinja refuses when it meets the values; both must."""

    def __init__(self, chance):
        self.c = chance
        self.loops = 0

    def expression(self, depth=3):
        c = self.c
        if depth == 0 or c.random() < 0.15:
            return c.choice(list(VARIABLES)[:24] + ["rows", "q", "ns.a", "ns.b", "i", "'lit'", "''", "' a '", "1", "-2",
                                                    "0", "true", "none", "[]", "rows[0].n", "map.c", "word[0]"])
        a = self.expression(depth - 1)
        b = self.expression(depth - 1)
        kinds = [
            lambda: f"({a} {c.choice(['+', '-', '~', '==', '!=', '<', '>=', 'in', 'not in', 'and', 'or'])} {b})",
            lambda: f"{a} {c.choice(['~', '+', '==', 'and', 'or', 'in', '~', '~'])} {b}",
            lambda: f"({a} if {b} else {self.expression(depth - 1)})",
            lambda: f"(not {a})",
            lambda: f"({a})|{c.choice(['length', 'tojson', 'trim', 'string', 'dictsort', 'safe', 'tojson', 'string', 'tojson(true)'])}",
            lambda: f"{a}|{c.choice(['length', 'tojson', 'trim', 'string'])}",
            lambda: f"({a} is {c.choice(['', 'not '])}{c.choice(['defined', 'none', 'string', 'iterable', 'mapping', 'sequence', 'true', 'false'])})",
            # Of names, since Jinja folds slices of constants, and wrong ones among them to nothing.
            lambda: f"{c.choice(list(VARIABLES))}[{c.choice(['0', '1', '-1', ':2', '1:', '::-1', '-2:', '::2', chr(39) + 'b' + chr(39), b])}]",
            lambda: f"({a}).{c.choice(['b', 'c', 'n', 'zz'])}",
            lambda: f"({a}|string).{c.choice(['split()', 'strip()', 'lstrip()', 'rstrip()', 'split(' + chr(39) + 'a' + chr(39) + ')', 'startswith(' + chr(39) + ' ' + chr(39) + ')', 'strip(' + chr(39) + 'ab ' + chr(39) + ')'])}",
            lambda: f"[{a}, {b}]",
            lambda: f"({a}, {b})",
            lambda: "{" + f"'k': {a}, 'b': {b}" + "}",
            lambda: f"m({a}, {b})",
        ]
        if self.loops:
            kinds.append(lambda: f"loop.{c.choice(['index0', 'first', 'last', 'previtem', 'nextitem'])}")
        return c.choice(kinds)()

    def space(self):
        return self.c.choice(["", "", " ", "\n", "  \n", "\n  ", "x", " y\n", "\n\n"])

    def tag(self, text):
        return "{%" + self.c.choice(["", "", "-"]) + " " + text + " " + self.c.choice(["", "", "-"]) + "%}" + self.space()

    def body(self, depth):
        return "".join(self.statement(depth) for _ in range(self.c.randint(1, 3)))

    def statement(self, depth):
        c = self.c
        kind = c.randint(0, 9) if depth else c.randint(0, 3)
        if kind <= 2:
            return "{{" + c.choice(["", "-"]) + " " + self.expression() + " " + c.choice(["", "-"]) + "}}" + self.space()
        if kind == 3:
            return self.tag("set " + c.choice(["i", "v", "ns.a", "ns.b"]) + " = " + self.expression(2))
        if kind == 4:
            return "{#" + c.choice(["", "-"]) + " c " + c.choice(["", "-"]) + "#}" + self.space()
        if kind <= 6:
            return (self.tag("if " + self.expression(2)) + self.body(depth - 1) + (self.tag("elif " + self.expression(1)) + self.body(depth - 1) if c.random() < 0.3 else "") +
                    (self.tag("else") + self.body(depth - 1) if c.random() < 0.5 else "") + self.tag("endif"))
        if kind <= 8:
            over = c.choice(["numbers", "words", "rows", "word", "map", "list", "list[::-1]", "pairs", "q", "(1, 2)"])
            head = f"for i in {over}"
            if c.random() < 0.3:
                head = "for k, i in " + c.choice(["pairs", "map.items()", "map|items", "map|dictsort"])
            if c.random() < 0.3:
                outer, self.loops = self.loops, 0
                head += " if " + self.expression(1)
                self.loops = outer
            self.loops += 1
            body = self.body(depth - 1)
            if c.random() < 0.2:
                body += self.tag("if " + self.expression(1)) + self.tag(c.choice(["break", "continue"])) + self.tag("endif") + "b"
            self.loops -= 1
            return self.tag(head) + body + self.tag("endfor")
        if self.loops == 0 and depth == 2:
            return self.tag("generation") + self.body(0) + self.tag("endgeneration")
        return self.space()

    def template(self):
        return (self.tag("set ns = namespace(a=1, b='x')") + self.tag("macro m(p, r)") + "<{{ p }}|{{ r|string }}>" + self.tag("endmacro") +
                self.space() + self.body(2))


def random_cases(count, seed):
    writer = Writer(random.Random(seed))
    for number in range(count):
        yield {"name": f"random {seed}.{number}", "text": writer.template(), "variables": VARIABLES}


def finish(case):
    text, spans = render(case["text"], case["variables"])
    if text is None:
        case["fails"] = spans
    else:
        case["expected"] = text
        case["spans"] = spans
    if "file" in case:
        del case["text"]
    return case


def check_transformers():
    """The same conversations through transformers itself."""
    import transformers
    from transformers.utils import chat_template_utils
    wrong = count = 0
    for case in family_cases():
        variables = dict(case["variables"])
        ours, _ = render(case["text"], variables)
        if ours is None:
            continue
        theirs = chat_template_utils.render_jinja_template(
            conversations=[variables.pop("messages")], chat_template=case["text"], **variables)
        count += 1
        wrong += (theirs[0] if isinstance(theirs, tuple) else theirs)[0] != ours
    print(f"transformers {transformers.__version__}: {count} conversations, {wrong} differ")
    return 1 if wrong or not count else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=os.path.join(FOLDER, "golden.json"))
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transformers", action="store_true")
    options = parser.parse_args()
    if options.transformers:
        return check_transformers()
    if options.random:
        cases = list(random_cases(options.random, options.seed))
    else:
        cases = list(family_cases()) + list(snippet_cases())
    cases = [finish(case) for case in cases]
    for case in cases:
        del case["variables"]
    failing = sum("fails" in case for case in cases)
    with open(options.out, "w", encoding="utf-8") as handle:
        head = {"variables": VARIABLES, "conversations": conversations(), "tools": TOOLS}
        handle.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "cases": [\n')
        handle.write(",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "]}\n")
    print(f"{options.out}: {len(cases)} cases, {failing} of them refused by Jinja")
    return 0


if __name__ == "__main__":
    sys.exit(main())
