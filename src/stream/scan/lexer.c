/*
 * A state machine that a handler for each state moves. Handlers eat as much as belongs to
 * their state at once (memchr where they can): pg_dump's function bodies and comments are
 * long. What comes next is never looked at before it is there.
 *
 * The lexer follows psql and not the server where they differ, because psql is what will read
 * the dump: it is psql that decides where a statement ends and what a backslash line is.
 */
#include "stream/scan/lexer.h"

#include "stream/scan/sqlchar.h"

/* A tag longer than this, or a COPY statement, is no work of pg_dump's: 1,600 columns of 63
 * bytes in quotes, each byte doubled, make 200 KB. */
enum { TAG_CEILING = 1 << 20, BODY_CEILING = 4 << 20 };

/* What the next byte belongs to. States, not look-ahead, because a piece may end behind any
 * byte. */
enum state {
    TOP,          /* between tokens, in a statement or not */
    WORD,         /* keyword, bare identifier, number */
    DOLLAR,       /* behind `$`: a tag, a parameter, or nothing special */
    DOLLAR_BODY,  /* between $tag$ and $tag$ */
    QUOTE,        /* inside '…', E'…' or "…": lexer->quote, lexer->escapes */
    QUOTE_ESCAPE, /* behind a backslash in E'…' */
    QUOTE_END,    /* behind a quote: the end, or the first of two */
    QUOTE_SPACE,  /* behind E'…' and blanks */
    QUOTE_GAP, /* behind E'…' and a newline: one more quote goes on with the same string */
    DASH,      /* behind `-`: a comment or an operator */
    SLASH,     /* behind `/`: the same */
    LINE_COMMENT,
    BLOCK, /* inside a block comment, of lexer->comment_depth levels */
    BLOCK_STAR,
    BLOCK_SLASH,
    META, /* a psql line */
    STATE_COUNT
};

/* memchr that answers with a length: all of it when c is not there. */
static size_t length_to(const unsigned char *data, size_t size, int c)
{
    const unsigned char *found = memchr(data, c, size);
    return found != NULL ? (size_t)(found - data) : size;
}

/* Of a statement, whose first one it may be. */
static void begin_token(struct lexer *lexer)
{
    head_token(&lexer->head);
    lexer->in_statement = true;
    lexer->after_begin = false;
    lexer->word_size = 0;
}

/* Comments and psql lines are told by how they begin; the rest is cut. */
static void line_add(struct lexer *lexer, const unsigned char *data, size_t size)
{
    /* One byte is for the NUL that makes it a text. */
    size_t room = LEXER_LINE_SIZE - 1 - lexer->line_size;
    if (size > room)
        size = room;
    memcpy(lexer->line + lexer->line_size, data, size);
    lexer->line_size += size;
    lexer->line[lexer->line_size] = '\0';
}

/* A state for what follows a token that is complete: the byte is looked at again there. */
static size_t leave(struct lexer *lexer, enum state state)
{
    lexer->state = state;
    return 0;
}

static size_t enter(struct lexer *lexer, enum state state)
{
    lexer->state = state;
    return 1;
}

static size_t begin_quote(struct lexer *lexer, unsigned char quote, bool escapes)
{
    lexer->quote = quote;
    lexer->escapes = escapes;
    return enter(lexer, QUOTE);
}

/* Consumes one byte, which ends something. */
static size_t report(struct lexer *lexer, enum lexer_event event)
{
    lexer->event = event;
    return enter(lexer, TOP);
}

/* Only a routine has a body that BEGIN ATOMIC opens. */
static bool head_creates_routine(const struct lexer *lexer)
{
    static const char *const patterns[] = {
        "CREATE FUNCTION",
        "CREATE PROCEDURE",
        "CREATE OR REPLACE FUNCTION",
        "CREATE OR REPLACE PROCEDURE",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (head_matches(&lexer->head, patterns[i]))
            return true;
    }
    return false;
}

static bool word_is(const struct lexer *lexer, const char *word)
{
    return lexer->word_size == strlen(word) &&
           memcmp(lexer->word, word, lexer->word_size) == 0;
}

static void end_word(struct lexer *lexer)
{
    bool after_begin = lexer->after_begin; /* nothing may stand between the two words */
    lexer->after_begin = false;
    /* Only COPY's whole text is kept: names in it may be of any length and hold
     * anything. */
    if (lexer->head.size == 4 && word_is(lexer, "COPY"))
        lexer->in_copy = true;
    /* CASE and END in brackets are balanced there. */
    if (lexer->parens > 0)
        return;
    /* psql counts every BEGIN; a column of that name, which pg_dump writes bare, would
     * swallow the rest of the dump. ATOMIC tells them apart. */
    if (word_is(lexer, "BEGIN"))
        lexer->after_begin = true;
    else if (after_begin && lexer->begins == 0 && word_is(lexer, "ATOMIC") &&
             head_creates_routine(lexer))
        lexer->begins = 1;
    else if (lexer->begins > 0 && word_is(lexer, "CASE"))
        lexer->begins++;
    else if (lexer->begins > 0 && word_is(lexer, "END"))
        lexer->begins--;
}

static void add_word(struct lexer *lexer, const unsigned char *data, size_t size)
{
    /* The head of the statement, and the word by itself: it may come in pieces. */
    head_add_upper(&lexer->head, data, size);
    for (size_t i = 0; i < size && lexer->word_size < LEXER_WORD_SIZE; i++)
        lexer->word[lexer->word_size++] = sqlchar_upper(data[i]);
}

/* One byte that is a token by itself. */
static size_t punctuation(struct lexer *lexer, unsigned char c)
{
    if (c == '.') {
        lexer->in_statement = true;
        lexer->after_begin = false;
        head_dot(&lexer->head);
        return enter(lexer, TOP);
    }
    begin_token(lexer);
    head_add(&lexer->head, (char)c);
    /* A bracket too many is pg_dump's or the server's error, not a reason to lose count. */
    if (c == '(')
        lexer->parens++;
    else if (c == ')' && lexer->parens > 0)
        lexer->parens--;
    return enter(lexer, TOP);
}

static size_t in_top(struct lexer *lexer, const unsigned char *data, size_t size)
{
    unsigned char c = *data;
    (void)size;
    /* Between statements a newline is told: the end of a dump is known by its empty
     * lines. */
    if (sqlchar_is_space(c))
        return c == '\n' && !lexer->in_statement ? report(lexer, LEXER_NEWLINE) : 1;
    /* Inside of rules' parentheses and of routines a semicolon ends a part, not the
     * whole. */
    if (c == ';' && lexer->parens == 0 && lexer->begins == 0)
        return report(lexer, LEXER_STATEMENT);
    /* What these two are shows only with the next byte. */
    if (c == '-')
        return enter(lexer, DASH);
    if (c == '/')
        return enter(lexer, SLASH);
    /* pg_dump writes such lines between statements only. */
    if (c == '\\' && !lexer->in_statement) {
        line_add(lexer, data, 1);
        return enter(lexer, META);
    }
    if (sqlchar_is_letter(c) || sqlchar_is_digit(c)) {
        /* A word is the one token that may follow BEGIN and mean something: ATOMIC. */
        bool after_begin = lexer->after_begin;
        begin_token(lexer);
        lexer->after_begin = after_begin;
        return leave(lexer, WORD);
    }
    if (c == '\'' || c == '"') {
        /* Escapes in plain strings only where the dump has switched the standard off. */
        begin_token(lexer);
        head_add(&lexer->head, (char)c);
        return begin_quote(lexer, c, c == '\'' && !lexer->standard_strings);
    }
    if (c == '$') {
        begin_token(lexer);
        text_clear(&lexer->tag);
        text_add_char(&lexer->tag, '$');
        return enter(lexer, DOLLAR);
    }
    return punctuation(lexer, c);
}

static size_t in_word(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = 0;
    bool number =
        sqlchar_is_digit(lexer->word_size > 0 ? (unsigned char)*lexer->word : *data);
    /* Dollars go on in a name; behind a number or a parameter one begins a quote. */
    while (length < size && sqlchar_is_name(data[length]) &&
           !(number && data[length] == '$'))
        length++;
    add_word(lexer, data, length);
    /* The piece ends here, the word perhaps not. */
    if (length == size)
        return length;
    lexer->state = TOP;
    if (data[length] == '\'' && lexer->word_size == 1 &&
        strchr("EBX", lexer->word[0]) != NULL) {
        /* E'' has escapes whatever standard_conforming_strings says; B'' and X'' never. */
        return length + begin_quote(lexer, '\'', lexer->word[0] == 'E');
    }
    end_word(lexer);
    return length;
}

/* `$$`, `$tag$`, `$1`, or an operator: the tag is kept, because only it ends the quote. */
static size_t in_dollar(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = 0;
    /* A tag is a name: no digit at its begin ($1 is a parameter), and no dollar in it. */
    while (length < size &&
           (sqlchar_is_letter(data[length]) ||
            (sqlchar_is_digit(data[length]) && lexer->tag.length + length > 1)))
        length++;
    text_add_bytes(&lexer->tag, data, length);
    if (length == size)
        return length;
    if (data[length] == '$') {
        text_add_char(&lexer->tag, '$');
        lexer->failed = lexer->failed || lexer->tag.overflowed;
        lexer->tag_matched = 0;
        lexer->state = DOLLAR_BODY;
        return length + 1;
    }
    /* No tag: a lone dollar, or `$name`, whose name is a word as any other. */
    add_word(lexer, (const unsigned char *)lexer->tag.data + 1, lexer->tag.length - 1);
    lexer->state = WORD;
    return length;
}

static size_t in_dollar_body(struct lexer *lexer, const unsigned char *data, size_t size)
{
    const char *tag = lexer->tag.data;
    /* Function bodies are long and dollars rare. */
    if (lexer->tag_matched == 0) {
        size_t length = length_to(data, size, '$');
        if (length == size)
            return size;
        lexer->tag_matched = 1;
        return length + 1;
    }
    if (*data != (unsigned char)tag[lexer->tag_matched]) {
        /* A dollar stands only at the ends of a tag, so it is the one place to begin
         * again. */
        lexer->tag_matched = *data == '$' ? 1 : 0;
        return 1;
    }
    if (++lexer->tag_matched == lexer->tag.length)
        lexer->state = TOP;
    return 1;
}

/* To the next byte that means something in it. */
static size_t in_quote(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = length_to(data, size, lexer->quote);
    if (lexer->escapes)
        length = length_to(data, length, '\\');
    /* A quoted identifier may be anything, so the head says only that there is one. */
    if (lexer->quote == '\'')
        head_add_bytes(&lexer->head, data, length);
    if (length == size)
        return size;
    lexer->state = data[length] == lexer->quote ? QUOTE_END : QUOTE_ESCAPE;
    return length + 1;
}

/* Whatever it is: `\'` ends nothing, and longer escapes have no quote in them. */
static size_t in_quote_escape(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)data;
    (void)size;
    return enter(lexer, QUOTE);
}

/* Two quotes are one in the text. */
static size_t in_quote_end(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == lexer->quote)
        return enter(lexer, QUOTE);
    if (lexer->quote == '\'')
        head_add(&lexer->head, '\'');
    return leave(lexer, lexer->escapes ? QUOTE_SPACE : TOP);
}

/* Strings that follow each other on two lines are one (SQL's oddest rule, manual 4.1.2.1).
 * It matters only for E'', whose escapes stay in force. In QUOTE_SPACE the newline has not
 * come yet, in QUOTE_GAP it has. */
static size_t in_quote_gap(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '\n')
        return enter(lexer, QUOTE_GAP);
    if (*data == lexer->quote && lexer->state == QUOTE_GAP)
        return enter(lexer, QUOTE);
    return sqlchar_is_space(*data) ? 1 : leave(lexer, TOP);
}

static size_t in_dash(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '-') {
        lexer->line_size = 0;
        line_add(lexer, (const unsigned char *)"--", 2);
        return enter(lexer, LINE_COMMENT);
    }
    /* The dash was an operator; this byte is still to be looked at. */
    (void)punctuation(lexer, '-');
    return leave(lexer, TOP);
}

static size_t in_slash(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    /* psql does not end a statement in a comment, whatever is in it. */
    if (*data == '*') {
        lexer->comment_depth = 1;
        return enter(lexer, BLOCK);
    }
    (void)punctuation(lexer, '/');
    return leave(lexer, TOP);
}

/* `\restrict`, `\connect`: the line is the caller's to understand. */
static size_t in_meta(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = length_to(data, size, '\n');
    line_add(lexer, data, length);
    /* Outside of statements psql reads such a line to its end, quotes or not. */
    return length < size ? length + report(lexer, LEXER_META) : length;
}

static size_t in_line_comment(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = length_to(data, size, '\n');
    /* For psql a carriage return ends a comment too. */
    length = length_to(data, length, '\r');
    line_add(lexer, data, length);
    if (length == size)
        return size;
    /* Only one of its own between statements is told: the end of the dump is made of
     * such. */
    if (data[length] == '\r' || lexer->in_statement)
        return length + enter(lexer, TOP);
    return length + report(lexer, LEXER_COMMENT);
}

/* Byte by byte: pg_dump writes no such comments of its own. */
static size_t in_block(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '*')
        return enter(lexer, BLOCK_STAR);
    if (*data == '/')
        return enter(lexer, BLOCK_SLASH);
    return 1;
}

/* Comments nest in PostgreSQL, unlike in C. */
static size_t in_block_star(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '*')
        return 1;
    if (*data != '/')
        return enter(lexer, BLOCK);
    if (--lexer->comment_depth > 0)
        return enter(lexer, BLOCK);
    if (lexer->in_statement)
        return enter(lexer, TOP);
    /* Told only so that the closing comment is no longer the last thing. */
    lexer->line_size = 0;
    line_add(lexer, (const unsigned char *)"/*", 2);
    return report(lexer, LEXER_COMMENT);
}

static size_t in_block_slash(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '/')
        return 1;
    if (*data != '*')
        return enter(lexer, BLOCK);
    lexer->comment_depth++;
    return enter(lexer, BLOCK);
}

/* Each takes size >= 1 bytes and returns how many it consumed; none only when it changed
 * the state. */
static size_t (*const handlers[STATE_COUNT])(struct lexer *, const unsigned char *,
                                             size_t) = {
    [TOP] = in_top,
    [WORD] = in_word,
    [DOLLAR] = in_dollar,
    [DOLLAR_BODY] = in_dollar_body,
    [QUOTE] = in_quote,
    [QUOTE_ESCAPE] = in_quote_escape,
    [QUOTE_END] = in_quote_end,
    [QUOTE_SPACE] = in_quote_gap,
    [QUOTE_GAP] = in_quote_gap,
    [DASH] = in_dash,
    [SLASH] = in_slash,
    [LINE_COMMENT] = in_line_comment,
    [BLOCK] = in_block,
    [BLOCK_STAR] = in_block_star,
    [BLOCK_SLASH] = in_block_slash,
    [META] = in_meta,
};

void lexer_init(struct lexer *lexer)
{
    *lexer = (struct lexer){.standard_strings = true};
    text_init(&lexer->tag, TAG_CEILING);
    text_init(&lexer->body, BODY_CEILING);
}

void lexer_release(struct lexer *lexer)
{
    text_release(&lexer->tag);
    text_release(&lexer->body);
}

size_t lexer_step(struct lexer *lexer, const unsigned char *data, size_t size,
                  enum lexer_event *event)
{
    size_t used = 0;
    /* Until something is to be told; the caller comes back with the rest. */
    while (used < size && lexer->event == LEXER_NOTHING) {
        bool copy = lexer->in_copy;
        size_t taken = handlers[lexer->state](lexer, data + used, size - used);
        /* Told before the step: the word COPY itself is not part of its body. */
        if (copy) {
            text_add_bytes(&lexer->body, data + used, taken);
            lexer->failed = lexer->failed || lexer->body.overflowed;
        }
        used += taken;
    }
    *event = lexer->event;
    return used;
}

/* Forgets the statement and keeps what is in force for all: standard_strings. */
void lexer_next(struct lexer *lexer)
{
    lexer->event = LEXER_NOTHING;
    lexer->in_statement = false;
    lexer->in_copy = false;
    lexer->after_begin = false;
    lexer->parens = 0;
    lexer->begins = 0;
    head_clear(&lexer->head);
    lexer->word_size = 0;
    lexer->line_size = 0;
    text_clear(&lexer->body);
}

bool lexer_is_idle(const struct lexer *lexer)
{
    return lexer->state == TOP && !lexer->in_statement;
}
