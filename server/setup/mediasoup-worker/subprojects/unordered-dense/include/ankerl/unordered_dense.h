/**
 * The names of ankerl::unordered_dense that mediasoup-worker uses, as the standard library's containers.
 * They differ in speed (a few tables of some hundred entries: not measurable here) and in that the standard ones keep
 * references valid over an insertion, which is the stronger promise.
 */
#ifndef GIOCONDA_UNORDERED_DENSE_H
#define GIOCONDA_UNORDERED_DENSE_H

#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace ankerl::unordered_dense
{
	using std::hash;

	template<class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
	class map : public std::unordered_map<Key, Value, Hash, Equal>
	{
		using std::unordered_map<Key, Value, Hash, Equal>::unordered_map;
	};

	template<class Key, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
	class set : public std::unordered_set<Key, Hash, Equal>
	{
		using std::unordered_set<Key, Hash, Equal>::unordered_set;
	};
} // namespace ankerl::unordered_dense

#endif
