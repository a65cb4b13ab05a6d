// The two hands that follow a layout: Reader fills a structure from bytes, Writer makes bytes of
// it. Internal to this folder; codec.h is what others call.
//
// A layout is one function template over the hand, found by the structure's type:
//
//     void layout(auto& io, Is<BanState> auto& state) {
//         io.number("pnn", state.pnn);
//         io.number("time", state.seconds);
//     }
//
// so what is read and what is written cannot drift apart. Reader never throws: its first failure is
// kept, and from then on every number is 0, every list and blob empty, which ends any layout
// quickly.
#pragma once

#include "base/check.h"
#include "ctdbd/protocol/addresses.h"
#include "ctdbd/protocol/codec.h"
#include "ctdbd/protocol/nodes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <span>
#include <type_traits>

namespace ctdbd::protocol {

static_assert(std::endian::native == std::endian::little, "the socket speaks the native order");

// Reader is given a T&, Writer a const T&; one layout takes both.
template <class Given, class T>
concept Is = std::same_as<std::remove_const_t<Given>, T>;

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool>;

// What decode() does with bytes after the layout's end.
enum class Tail : std::uint8_t { refused, ignored };

template <class T>
inline constexpr Tail tail_of = Tail::refused;

class Reader {
public:
    explicit Reader(const Bytes& bytes) : bytes_(bytes) {}

    void number(std::string_view field, Number auto& value) {
        value = {};
        if (const std::uint8_t* at = take(field, sizeof value))
            std::memcpy(&value, at, sizeof value);
    }

    // One byte; anything but 0 is true.
    void flag(std::string_view field, bool& value) {
        const std::uint8_t* at = take(field, 1);
        value = at != nullptr && *at != 0;
    }

    void pad(std::size_t size) { take("pad", size); }

    // A size whose bytes come later, perhaps after other fields: hand the result to blob() or
    // text().
    [[nodiscard]] std::uint32_t length(std::string_view field, std::size_t) {
        std::uint32_t value = 0;
        number(field, value);
        return value;
    }

    // The number of elements, each at least `element_size` bytes long on the wire, that come later.
    void count(std::string_view field, auto& list, std::size_t element_size) {
        const std::uint32_t number_of_elements = length(field, 0);
        if (number_of_elements > left() / element_size) fail(field, Problem::too_short);
        list.clear();
        if (!error_) list.resize(number_of_elements);
    }

    void blob(std::string_view field, Bytes& value, std::size_t size) {
        const std::size_t from = at_;
        value = take(field, size) != nullptr ? bytes_.slice(from, size) : Bytes{};
    }

    // `size` bytes that end in NUL; no bytes at all are the empty string. Ends at the first NUL.
    void text(std::string_view field, std::string& value, std::size_t size) {
        value.clear();
        if (const auto* at = reinterpret_cast<const char*>(take(field, size)); at && size > 0) {
            if (at[size - 1] != '\0') return fail(field, Problem::unterminated);
            value = at;
        }
    }

    // Bytes that are text without a NUL.
    void raw_text(std::string_view field, std::string& value, std::size_t size) {
        value.clear();
        if (const auto* at = reinterpret_cast<const char*>(take(field, size)))
            value.assign(at, size);
    }

    // A buffer of `size` bytes, of which at most the first max + 1 are text and its NUL; the rest
    // is pad.
    void fixed_text(std::string_view field, std::string& value, std::size_t size, std::size_t max) {
        value.clear();
        const auto* at = reinterpret_cast<const char*>(take(field, size));
        if (at == nullptr) return;
        const char* end = std::find(at, at + max + 1, '\0');
        if (end == at + max + 1) return fail(field, Problem::unterminated);
        value.assign(at, end);
    }

    // A promise the layout makes about what it has written, and asks of what it has read.
    void expect(std::string_view field, bool holds) {
        if (!holds) fail(field, Problem::inconsistent);
    }

    void fail(std::string_view field, Problem problem) {
        if (!error_) error_ = DecodeError{field, problem, at_};
    }

    [[nodiscard]] bool failed() const { return error_.has_value(); }

    [[nodiscard]] std::size_t left() const { return error_ ? 0 : bytes_.size() - at_; }

    template <class T>
    [[nodiscard]] Decoded<T> finish(T value, Tail tail) {
        if (tail == Tail::refused && left() > 0) fail("end", Problem::too_long);
        if (error_) return *error_;
        return value;
    }

private:
    // The next `size` bytes, and past them; null once anything has failed.
    const std::uint8_t* take(std::string_view field, std::size_t size) {
        if (size > left()) fail(field, Problem::too_short);
        if (error_) return nullptr;
        const std::uint8_t* at = bytes_.data() + at_;
        at_ += size;
        // Never null for a success, even of no bytes out of nothing.
        static constexpr std::uint8_t nothing = 0;
        return size > 0 ? at : &nothing;
    }

    const Bytes& bytes_;
    std::size_t at_ = 0; // invariant: at_ <= bytes_.size()
    std::optional<DecodeError> error_;
};

class Writer {
public:
    void number(std::string_view, const Number auto& value) { append(&value, sizeof value); }

    void flag(std::string_view, bool value) { number({}, static_cast<std::uint8_t>(value)); }

    void pad(std::size_t size) {
        static constexpr std::array<std::uint8_t, 512> zeros{};
        base::check(size <= zeros.size(), "a pad is short");
        append(zeros.data(), size);
    }

    [[nodiscard]] std::uint32_t length(std::string_view, std::size_t size) {
        base::check(size <= UINT32_MAX, "a length fits into its field");
        const auto value = static_cast<std::uint32_t>(size);
        number({}, value);
        return value;
    }

    void count(std::string_view field, const auto& list, std::size_t) {
        static_cast<void>(length(field, list.size()));
    }

    void blob(std::string_view, const Bytes& value, std::size_t) {
        append(value.data(), value.size());
    }

    void text(std::string_view, const std::string& value, std::size_t size) {
        append(value.c_str(), size);
    }

    void raw_text(std::string_view, const std::string& value, std::size_t size) {
        append(value.data(), size);
    }

    void fixed_text(std::string_view, const std::string& value, std::size_t size, std::size_t max) {
        base::check(value.size() <= max && max < size, "a name fits into its buffer");
        append(value.data(), value.size());
        pad(size - value.size());
    }

    void expect(std::string_view, bool holds) {
        base::check(holds, "what is written is consistent");
    }

    [[nodiscard]] bool failed() const { return false; }

    [[nodiscard]] std::size_t size() const { return size_; }

    // Overwrites what was written at `offset`: a length that is known at the end.
    void patch(std::size_t offset, std::uint32_t value) {
        base::check(offset + sizeof value <= size_, "a patch lies within what is written");
        std::memcpy(memory_.data() + offset, &value, sizeof value);
    }

    [[nodiscard]] Bytes finish() { return memory_.freeze(std::exchange(size_, 0)); }

private:
    void append(const void* from, std::size_t size) {
        if (size == 0) return;
        if (size > memory_.capacity() - size_) grow(size_ + size);
        std::memcpy(memory_.data() + size_, from, size);
        size_ += size;
    }

    void grow(std::size_t needed) {
        base::WritableBytes larger(std::max(needed, 2 * memory_.capacity()));
        if (size_ > 0) std::memcpy(larger.data(), memory_.data(), size_);
        memory_ = std::move(larger);
    }

    base::WritableBytes memory_{256};
    std::size_t size_ = 0;
};

// The size of a string on the wire, with its NUL; the empty one is written as nothing at all.
[[nodiscard]] inline std::size_t text_size(const std::string& text) {
    return text.empty() ? 0 : text.size() + 1;
}

// `lstr`: length with the NUL, then the bytes.
void length_and_text(auto& io, std::string_view field, Is<std::string> auto& text) {
    const std::uint32_t size = io.length(field, text_size(text));
    io.text(field, text, size);
}

void layout(auto& io, Number auto& value) { io.number("value", value); }

// count() and the elements, whose layouts are `element_size` bytes long or longer.
void list(auto& io, std::string_view field, auto& elements, std::size_t element_size) {
    io.count(field, elements, element_size);
    for (auto& element : elements) {
        if (io.failed()) return;
        layout(io, element);
    }
}

// The structures that structures of several files contain.

// The one whose two directions differ: what is read is made canonical (addresses.cpp).
void layout(Reader& io, SocketAddress& value);
void layout(Writer& io, const SocketAddress& value);

void layout(auto& io, Is<Timeval> auto& time) {
    io.number("seconds", time.seconds);
    io.number("microseconds", time.microseconds);
}

void layout(auto& io, Is<ServerId> auto& id) {
    io.number("pid", id.pid);
    io.number("task_id", id.task_id);
    io.number("vnn", id.vnn);
    io.number("unique_id", id.unique_id);
}

template <class T>
Decoded<T> decode(const Bytes& bytes) {
    Reader reader(bytes);
    T value{};
    layout(reader, value);
    return reader.finish(std::move(value), tail_of<T>);
}

template <class T>
Bytes encode(const T& value) {
    Writer writer;
    layout(writer, value);
    return writer.finish();
}

} // namespace ctdbd::protocol
